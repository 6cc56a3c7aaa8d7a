package import JSON

/// What is kept of a pod an init container of which has failed: enough to tell whether it started without its redirect.
///
/// The container that tells (`istio-validation`) exits with 126 when the traffic it sends to itself is not redirected.
package struct InitFailures: Sendable, Equatable {
  /// The end of a container's process that was no success.
  package struct Termination: Sendable, Equatable {
    package let container: String
    package let exitCode: Int
    /// Without white space around it.
    package let message: String
  }

  package let labels: [String: String]
  package let annotationKeys: [String]
  /// Those that ``FieldSelector`` can ask for.
  let fields: [FieldSelector.Field: String]
  package let terminations: [Termination]

  /// Whether the API server only mirrors it, so that deleting it there ends nothing.
  var isMirror: Bool { annotationKeys.contains("kubernetes.io/config.mirror") }

  /// - Parameter pod: as the API server has it; nil comes of one whose init containers have not failed, or have
  ///   succeeded since, and of one that was told to end.
  package init?(_ pod: JSONValue) {
    let metadata = pod["metadata"]
    let status = pod["status"]
    guard metadata?["deletionTimestamp"]?.string == nil, let statuses = status?["initContainerStatuses"]?.array
    else { return nil }
    // Most pods of a node are without one, and every change of every pod comes by here.
    guard statuses.contains(where: { $0.hasEnded }) else { return nil }
    let sidecars = Self.sidecars(pod["spec"])
    terminations = statuses.flatMap { Self.terminations($0, isSidecar: sidecars.contains($0["name"]?.string ?? "")) }
    if terminations.isEmpty { return nil }
    labels = metadata?["labels"]?.strings ?? [:]
    annotationKeys = metadata?["annotations"]?.object?.members.map(\.key) ?? []
    fields = [
      .name: metadata?["name"]?.string ?? "", .namespace: metadata?["namespace"]?.string ?? "",
      .nodeName: pod["spec"]?["nodeName"]?.string ?? "", .phase: status?["phase"]?.string ?? "",
    ]
  }

  /// Native sidecars: init containers that are to keep running.
  private static func sidecars(_ spec: JSONValue?) -> [String] {
    spec?["initContainers"]?.array?.filter { $0["restartPolicy"] == "Always" }.compactMap { $0["name"]?.string } ?? []
  }

  /// The present end and the one before it, unless all is well by now.
  ///
  /// Istio's controller looks at the one before alone, which a pod that is never restarted has not.
  private static func terminations(_ status: JSONValue, isSidecar: Bool) -> [Termination] {
    let current = status["state"]?["terminated"]
    if let current, current.isSuccess { return [] }
    // One that is to keep running has come about as soon as it has started. Others are running for another try.
    if isSidecar, status["state"]?["running"] != nil, status["started"] != false { return [] }
    return [current, status["lastState"]?["terminated"]].compactMap { ended in
      guard let ended, !ended.isSuccess, let exitCode = ended["exitCode"]?.int else { return nil }
      return Termination(
        container: status["name"]?.string ?? "", exitCode: exitCode, message: (ended["message"]?.string ?? "").trimmed)
    }
  }
}

extension JSONValue {
  fileprivate var hasEnded: Bool { self["state"]?["terminated"] != nil || self["lastState"]?["terminated"] != nil }

  fileprivate var isSuccess: Bool { self["exitCode"] == 0 || self["reason"] == "Completed" }

  fileprivate var strings: [String: String] {
    Dictionary((object?.members ?? []).compactMap { member in member.value.string.map { (member.key, $0) } }) { $1 }
  }
}
