import CNI
import JSON

extension Catalogue {
  /// The contract of a process: arguments, exit status, what goes to which stream.
  static let invocationCases: [ConformanceCase] = [
    ConformanceCase(
      "INV-01", .must, .all, [.addSuccess],
      stimulus: "ADD with a valid configuration",
      expectation: "exit status 0, and one JSON object on standard output with only white space around it"
    ) { lab in
      try lab.container().add()
    }
  ]
}
