import CNI
import System

extension LabNode {
  /// Runs calls at the same time.
  ///
  /// - Returns: Their replies, in the order of the calls.
  func together(_ calls: [Call]) throws -> [Reply] {
    let running = try calls.map { RunningBox(try start($0)) }
    for box in running { try box.finishInput() }
    return try running.map { try $0.reply() }
  }

  /// How long ADD takes, of a container made for that: the median of three, each undone by DEL.
  func durationOfAdd() throws -> Duration {
    let container = try container()
    let durations = try (0..<3).map { _ in
      let reply = try run(container.call(.ADD))
      try container.delete(result: reply.result())
      return reply.duration
    }
    return durations.sorted()[1]
  }

  /// Runs a call and sends it a signal on the way.
  ///
  /// - Parameter delay: From its start.
  func run(_ call: Call, sending signal: Int32, after delay: Duration) throws -> Reply {
    var running = try start(call)
    try running.finishInput()
    lab.pauseExactly(delay)
    try running.kill(signal)
    return try running.reply()
  }
}

/// An array cannot hold what cannot be copied.
private final class RunningBox {
  private var call: RunningCall?

  init(_ call: consuming RunningCall) {
    self.call = consume call
  }

  func finishInput() throws { try call?.finishInput() }

  func reply() throws -> Reply {
    guard let call = call.take() else { preconditionFailure("a reply is taken once") }
    return try call.reply()
  }
}
