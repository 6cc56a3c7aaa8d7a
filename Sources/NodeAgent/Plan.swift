/// What is to be done to make a node as wanted, and what keeps it from becoming so.
///
/// A plan is made of values alone. It is carried out in order up to the first step that fails, and then made anew.
package struct Plan: Sendable, Equatable {
  package let steps: [Step]
  package let obstacles: [Obstacle]
  /// What a person should know, though nothing is to be done about it here.
  package let warnings: [String]
  /// The name of the primary plugin's file that our entry is in or that our own file is derived from; nil if there is
  /// none, or none is needed.
  package let primary: String?

  /// Whether the node is as wanted.
  package var isHealthy: Bool { steps.isEmpty && obstacles.isEmpty }

  /// Makes a plan of its parts.
  package init(steps: [Step], obstacles: [Obstacle], warnings: [String], primary: String?) {
    self.steps = steps
    self.obstacles = obstacles
    self.warnings = warnings
    self.primary = primary
  }
}

extension Plan {
  /// What is to be done to install the plugin, or to repair it.
  package init(installing wanted: Wanted, found: Found) {
    var plan = InstallingPlan(wanted, found)
    self = plan.plan()
  }

  /// What is to be done to take everything of ours from the node.
  package init(removing layout: NodeLayout, found: Found) {
    var plan = RemovingPlan(layout, found)
    self = plan.plan()
  }
}
