/// What one pass over the node did.
package struct PassReport: Sendable {
  /// The steps that were carried out.
  package let executed: [Step]
  /// The first step that was not, and why.
  package let failure: StepFailure?
  /// What is still to be done, observed after the steps.
  package let remaining: Plan
  /// What is wrong with the agent's own notes, and was put right.
  package let warnings: [String]

  /// Whether the node is as wanted.
  package var isHealthy: Bool { failure == nil && remaining.isHealthy }

  package init(executed: [Step], failure: StepFailure? = nil, remaining: Plan, warnings: [String] = []) {
    self.executed = executed
    self.failure = failure
    self.remaining = remaining
    self.warnings = warnings
  }
}
