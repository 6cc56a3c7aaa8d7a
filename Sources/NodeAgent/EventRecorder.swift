import JSON
package import KubernetesClient
package import Logging
import Synchronization
import System

/// Writes Events, which `kubectl describe` shows with the object that they are about.
///
/// The same reason about the same object is written at most once in 5 minutes; the next Event says how often it
/// happened. All Events about other objects than the recorder's own together are limited as well (``EventBudget``), so
/// that a fault of the whole node does not flood the API server. An Event that is not written is no failure: the log has
/// the same text.
package final class EventRecorder: Sendable {
  /// What an Event is about.
  package enum Subject: Sendable, Hashable {
    case pod(namespace: String, name: String, uid: String?)
    case node(name: String)
  }

  package enum Kind: String, Sendable {
    case normal = "Normal"
    case warning = "Warning"
  }

  private struct Occurrence: Hashable {
    let reason: String
    let subject: Subject
  }

  private struct Contents {
    var written: [Occurrence: (time: Duration, suppressedCount: Int)] = [:]
    var budget = EventBudget()
    var isOverBudget = false
    var hasFailed = false
  }

  private enum Verdict {
    /// It is to be written, and has happened so often since it was last written.
    case write(count: Int)
    /// The same was written a short time ago, or there are too many.
    case leaveOut
    /// There are too many, for the first time since there were few.
    case leaveOutAndSay
  }

  private static let component = "istio-cni-node"
  private static let interval = Duration.seconds(300)
  /// Source: Kubernetes, `NoteLengthLimit` and `ReasonLengthLimit` in pkg/apis/core/validation/events.go.
  private static let messageLimit = 1024
  private static let reasonLimit = 128
  private let client: APIClient
  private let subject: Subject
  private let nodeName: String
  private let logger: Logger
  private let timeLimit: Duration
  private let now: @Sendable () -> Duration
  private let contents = Mutex(Contents())

  /// - Parameters:
  ///   - subject: the agent's own pod, or its node if that pod is not known.
  ///   - nodeName: of this node; empty if it is not known.
  ///   - timeLimit: how long whoever records an Event waits for it at most.
  ///   - now: the time since 1970.
  package init(
    _ client: APIClient, about subject: Subject, nodeName: String, logger: Logger, timeLimit: Duration = .seconds(5),
    now: @escaping @Sendable () -> Duration = timeSinceEpoch
  ) {
    self.client = client
    self.subject = subject
    self.nodeName = nodeName
    self.logger = logger
    self.timeLimit = timeLimit
    self.now = now
  }

  /// Writes an Event, unless the same was written a short time ago.
  ///
  /// - Parameters:
  ///   - reason: a word in UpperCamelCase, for machines.
  ///   - subject: nil is the recorder's own.
  package func record(
    _ kind: Kind, reason: String, message: String, about subject: Subject? = nil
  ) async {
    let time = now()
    let subject = subject ?? self.subject
    let count: Int
    switch judge(Occurrence(reason: reason, subject: subject), at: time) {
    case .write(let number): count = number
    case .leaveOut: return
    case .leaveOutAndSay:
      return logger.warning("too many Events about pods at once: some are left out, and the log alone has them")
    }
    do throws(APIError) {
      let event = event(kind, reason, message, subject, count: count, at: time)
      try await client.create(event, as: .events, inNamespace: subject.eventNamespace, within: timeLimit)
      contents.withLock { $0.hasFailed = false }
    } catch {
      // That an earlier attempt wrote it is as good.
      if error.code == .alreadyExists { return }
      let isFirst = contents.withLock { contents in
        defer { contents.hasFailed = true }
        return !contents.hasFailed
      }
      if isFirst { logger.warning("Events are not written for now: \(error)") }
    }
  }

  private func judge(_ occurrence: Occurrence, at time: Duration) -> Verdict {
    contents.withLock { contents in
      // A clock that was set back makes nothing wait.
      if let last = contents.written[occurrence], last.time <= time, time - last.time < Self.interval {
        contents.written[occurrence]?.suppressedCount += 1
        return .leaveOut
      }
      // What the agent has to say of itself are few reasons, and the ones that explain the others.
      if occurrence.subject != subject {
        let isTaken = contents.budget.take(at: time)
        if contents.budget.isFull { contents.isOverBudget = false }
        guard isTaken else {
          contents.written[occurrence]?.suppressedCount += 1
          defer { contents.isOverBudget = true }
          return contents.isOverBudget ? .leaveOut : .leaveOutAndSay
        }
      }
      let count = 1 + (contents.written[occurrence]?.suppressedCount ?? 0)
      contents.written = contents.written.filter { time - $0.value.time < Self.interval * 2 }
      contents.written[occurrence] = (time, 0)
      return .write(count: count)
    }
  }

  private func event(
    _ kind: Kind, _ reason: String, _ message: String, _ subject: Subject, count: Int, at time: Duration
  ) -> JSONValue {
    let stamp = JSONValue.string(Timestamp(time).inSeconds)
    let nanoseconds = time.components.seconds * 1_000_000_000 + time.components.attoseconds / 1_000_000_000
    return [
      "apiVersion": "v1", "kind": "Event",
      "metadata": [
        "name": .string("\(subject.name).\(String(nanoseconds, radix: 16))"),
        "namespace": .string(subject.eventNamespace),
      ],
      "involvedObject": subject.reference, "reason": .string(String(reason.prefix(Self.reasonLimit))),
      "message": .string(message.utf8Prefix(Self.messageLimit)), "type": .string(kind.rawValue),
      "source": ["component": .string(Self.component), "host": .string(nodeName)],
      "reportingComponent": .string(Self.component), "reportingInstance": .string(nodeName),
      "firstTimestamp": stamp, "lastTimestamp": stamp, "count": .number(JSONNumber(count)),
    ]
  }
}

extension EventRecorder.Subject {
  fileprivate var name: String {
    switch self {
    case .pod(_, let name, _), .node(let name): name
    }
  }

  /// Events about objects that are in no namespace go into this one.
  fileprivate var eventNamespace: String {
    switch self {
    case .pod(let namespace, _, _): namespace
    case .node: "default"
    }
  }

  fileprivate var reference: JSONValue {
    switch self {
    case .pod(let namespace, let name, let uid):
      var reference: JSONObject = [
        "apiVersion": "v1", "kind": "Pod", "namespace": .string(namespace), "name": .string(name),
      ]
      if let uid { reference["uid"] = .string(uid) }
      return .object(reference)
    case .node(let name):
      // As kubelet does it, and `kubectl describe node` looks for it: the name in place of the UID.
      return ["apiVersion": "v1", "kind": "Node", "name": .string(name), "uid": .string(name)]
    }
  }
}

extension String {
  /// As many whole characters from the start as fit into `limit` bytes.
  fileprivate func utf8Prefix(_ limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var size = 0
    return String(
      prefix { character in
        size += character.utf8.count
        return size <= limit
      })
  }
}
