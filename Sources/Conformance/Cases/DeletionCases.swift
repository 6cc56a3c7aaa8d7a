import CNI
import JSON

extension Catalogue {
  /// DEL: everything goes, whatever has been lost by then.
  static let deletionCases: [ConformanceCase] = [
    ConformanceCase(
      "DEL-01", .must, .all, [.delete],
      stimulus: "ADD, then DEL with its result, on a node that has had another attachment",
      expectation: "exit status 0, and no trace in both namespaces and on disk"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      let result = try container.add()
      try container.delete(result: result)
      try node.expectNoTrace(since: baseline)
    }
  ]
}
