package import System

/// One case of the catalogue, run against a plugin binary.
package struct ConformanceCase: Sendable {
  /// What a failed case means.
  package enum Class: String, Sendable {
    /// The specification says must, or breaking it breaks every runtime.
    case must = "MUST"
    case should = "SHOULD"
    /// Observed convention.
    case convention = "CONV"
  }

  /// What a case found.
  package enum Finding: Sendable, Equatable {
    case passed
    case failed(observed: String)
  }

  package let id: String
  package let requirement: Class
  /// What is done, and what must come of it.
  package let stimulus: String
  package let expectation: String
  let judge: @Sendable (PluginUnderTest) throws(SystemError) -> Finding

  /// Runs the case.
  package func run(against plugin: PluginUnderTest) throws(SystemError) -> Finding {
    try judge(plugin)
  }
}

/// A plugin binary and how it is called.
package struct PluginUnderTest: Sendable {
  package let path: String
  /// How long one invocation may take before it counts as hanging.
  package let timeLimit: Duration

  package init(path: String, timeLimit: Duration = .seconds(10)) {
    self.path = path
    self.timeLimit = timeLimit
  }

  func invoke(_ environment: [String: String], _ input: String) throws(SystemError) -> ChildOutcome {
    try runChild(
      path, arguments: [], environment: environment, standardInput: Array(input.utf8), timeLimit: timeLimit)
  }
}
