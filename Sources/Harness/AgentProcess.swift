import Glibc
import Synchronization
package import System
import SystemPackage

/// A program that goes on running on a node, such as `install-cni`: killed and reaped with this object.
package final class AgentProcess: Sendable {
  package let node: Node
  package let pid: Int32
  private let logPath: String
  /// Nil once it was reaped.
  private let process: Mutex<ChildProcess?>
  private let status = Mutex<ChildStatus?>(nil)

  /// Starts a program in the node's namespaces.
  ///
  /// - Parameter logPath: The node's file that gets what it prints, behind what is there.
  package init(
    _ executable: String, _ arguments: [String] = [], environment: [String: String], logPath: String, on node: Node
  ) throws(SystemError) {
    self.node = node
    self.logPath = logPath
    let child = try node.run { () throws(SystemError) in
      let nothing = try OwnedDescriptor.open("/dev/null", O_RDONLY)
      let log = try OwnedDescriptor.open(logPath, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
      let streams = [nothing.withRawValue { $0 }, log.withRawValue { $0 }, log.withRawValue { $0 }]
      return try ChildProcess.spawn(
        executable, arguments: arguments, environment: environment, standardStreams: streams)
    }
    pid = child.pid
    process = Mutex(child)
  }

  /// What it, and who wrote to the same file before, has printed.
  package var output: String {
    // A log that cannot be read is as good as an empty one to who looks for a line in it.
    String(decoding: (try? node.read(logPath)) ?? [], as: UTF8.self)
  }

  /// Sends a signal, if the process has not ended.
  package func kill(_ signal: CInt) throws(SystemError) {
    try process.withLock { (process) throws(SystemError) in try process?.kill(signal) }
  }

  /// Waits for the end.
  ///
  /// - Returns: How it ended; nil if it has not by then.
  package func wait(within limit: Duration = .seconds(20)) throws(SystemError) -> ChildStatus? {
    try process.withLock { (process) throws(SystemError) in
      if process != nil {
        guard try process?.hasEnded(within: limit) == true, let child = process.take() else { return }
        let ended = try child.wait()
        status.withLock { $0 = ended }
      }
    }
    return status.withLock(\.self)
  }

  package var isRunning: Bool {
    do throws(SystemError) {
      return try wait(within: .zero) == nil
    } catch {
      // What cannot be waited for is not there.
      return false
    }
  }

  /// Asks it to end with SIGTERM and waits for that.
  ///
  /// - Returns: How it ended; nil if it has not by then.
  @discardableResult
  package func terminate(within limit: Duration = .seconds(20)) throws(SystemError) -> ChildStatus? {
    try kill(SIGTERM)
    return try wait(within: limit)
  }
}

// MARK: - What it serves

/// What a server of plain HTTP answered.
package struct PlainAnswer: Sendable, Equatable {
  package let status: Int
  package let body: String
}

extension AgentProcess {
  /// Where `install-cni` answers unless it is told otherwise.
  package static let healthPort: UInt16 = 8000
  package static let monitoringPort: UInt16 = 15014

  /// Asks the node's port for a path.
  ///
  /// - Throws: `ECONNREFUSED` while nobody listens there; `EBADMSG` for what is no HTTP.
  package func get(
    _ path: String, port: UInt16 = healthPort, timeLimit: Duration = .seconds(5)
  ) throws(SystemError) -> PlainAnswer {
    let deadline = ContinuousClock.now + timeLimit
    let endpoint = Endpoint("127.0.0.1", port)
    let socket = try PodSocket.open(.tcp, for: endpoint, as: .root, in: node.network)
    try socket.resetWhenClosed()
    try socket.connect(to: endpoint, until: deadline)
    try socket.send(Array("GET \(path) HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n".utf8))
    let bytes = try socket.receiveAll(until: deadline)
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix("HTTP/1.1 "), let status = Int(text.dropFirst(9).prefix(3)),
      let separator = bytes.firstIndex(ofSequence: Array("\r\n\r\n".utf8))
    else { throw SystemError("read", text, .badMessage) }
    return PlainAnswer(status: status, body: String(decoding: bytes[(separator + 4)...], as: UTF8.self))
  }

  /// What `/readyz` says; nil while nobody answers.
  package var readiness: Int? {
    // Not to be reached is an answer here.
    try? get("/readyz").status
  }

  /// Waits until `/readyz` says `status`.
  ///
  /// - Returns: Whether it did in time, and before the process ended.
  package func awaitReadiness(_ status: Int = 200, within limit: Duration = .seconds(20)) -> Bool {
    var isThere = false
    _ = comesTrue(within: limit) {
      isThere = readiness == status
      return isThere || !isRunning
    }
    return isThere
  }

  /// The samples of `/metrics`, by name with labels as they are written.
  package func metrics() throws(SystemError) -> [String: Double] {
    let text = try get("/metrics", port: Self.monitoringPort).body
    var samples: [String: Double] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let blank = line.lastIndex(of: " "), let value = Double(line[line.index(after: blank)...]) else { continue }
      samples[String(line[..<blank])] = value
    }
    return samples
  }

  /// Waits until a sample of `/metrics` has a value.
  ///
  /// - Parameter sample: its name with labels, as it is written there.
  /// - Returns: Whether it had in time.
  package func awaitMetric(_ sample: String, _ value: Double, within limit: Duration = .seconds(20)) -> Bool {
    comesTrue(within: limit) { try metrics()[sample] == value }
  }

  /// Waits until it knows as many pods of its node.
  package func awaitKnownPods(_ count: Int, within limit: Duration = .seconds(20)) -> Bool {
    awaitMetric("istio_cni_cached_pods", Double(count), within: limit)
  }
}

extension [UInt8] {
  /// Where `sequence` first begins.
  fileprivate func firstIndex(ofSequence sequence: [UInt8]) -> Int? {
    guard count >= sequence.count else { return nil }
    return (0...(count - sequence.count)).first { self[$0..<($0 + sequence.count)].elementsEqual(sequence) }
  }
}
