import CNI
import JSON

/// A container whose main plugin delegates to a stub, on a node that has had such an attachment already.
struct DelegationScene: Sendable {
  let node: LabNode
  let stub: StubDelegate
  let container: Container
  /// Before anything is done for the container.
  private let baseline: State
  private let change: JSONObject

  /// - Throws: `Inapplicable` for a plugin that delegates to nobody.
  init(in lab: Lab) throws {
    node = try lab.node()
    stub = try StubDelegate(on: node)
    change = try lab.delegating(to: stub)
    try node.warmUpWithStub()
    container = try node.container()
    baseline = try node.state()
  }

  /// A request for the container, for which the stub is the only plugin there is.
  func call(_ verb: Command, result: JSONObject? = nil) throws -> Call {
    try container.call(verb, result: result, configuration: change).delegating(to: stub)
  }

  /// Makes such a request.
  func run(_ verb: Command, result: JSONObject? = nil) throws -> Reply {
    try node.run(call(verb, result: result))
  }

  /// Checks that nothing is left but what the stub has written down.
  func expectNoTrace() throws {
    try node.expectNoTrace(since: baseline, ignoring: [stub.folder])
  }
}
