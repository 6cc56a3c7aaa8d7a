import CNI
import JSON

extension Lab {
  /// Codes that are right where they exist: 4 to 7 came with 1.0.0, and before it any code will do.
  func codes(_ codes: Int...) -> [Int]? {
    version >= .v1_0_0 ? codes : nil
  }
}

extension Container {
  /// Makes ADDs that are each wrong in one point. Each must fail cleanly, and all of them must leave no trace.
  func expectRefusals<Variant>(
    of variants: [Variant], codes: [Int]?, spoil: (Variant, inout Call) throws -> Void
  ) throws {
    let baseline = try node.state()
    for variant in variants {
      var call = try call(.ADD)
      try spoil(variant, &call)
      try attempt("\(variant)") { try node.run(call).cleanError(codes) }
    }
    try node.expectNoTrace(since: baseline)
  }
}

extension LabNode {
  /// An odd ADD in a container of its own, which either succeeds, or fails cleanly and leaves no trace.
  ///
  /// - Returns: The result, if it succeeded.
  @discardableResult
  func addOrRefuse(codes: [Int]? = nil, change: (Container, inout Call) throws -> Void) throws -> JSONObject? {
    let container = try container()
    let baseline = try state()
    var call = try container.call(.ADD)
    try change(container, &call)
    let reply = try run(call)
    let hasSucceeded = try reply.succeedOrFailCleanly(codes)
    if !hasSucceeded { try expectNoTrace(since: baseline) }
    // Later snapshots then need not read it.
    try container.remove()
    guard hasSucceeded else { return nil }
    // The kernel takes the node's ends of its links away in the background; the next baseline must not see them go.
    _ = try lab.eventually(within: .seconds(10)) {
      try !traces(since: baseline).contains { $0.hasPrefix("+ node: links:") }
    }
    return try reply.result()
  }
}
