/// Why a step could not be carried out.
package struct StepFailure: Error, Sendable, Equatable {
  /// The step; nil if it did not come to one.
  package let step: Step?
  /// What could not be done, on what, and why.
  package let problem: String
  /// What to do.
  package let remedy: String
  /// Whether nothing is wrong, and another pass is all that is needed: another writer came in between.
  package let isTransient: Bool

  package init(step: Step?, problem: String, remedy: String, isTransient: Bool = false) {
    self.step = step
    self.problem = problem
    self.remedy = remedy
    self.isTransient = isTransient
  }

  /// The value of label `result` of Istio's metric `istio_cni_installs_total`.
  package var metricResult: String {
    switch step {
    case .writeBinary, .removeBinary: "COPY_BINARIES_FAILURE"
    case .writeKubeconfig, .removeKubeconfig: "CREATE_KUBECONFIG_FAILURE"
    default: "CREATE_CNI_CONFIG_FAILURE"
    }
  }
}
