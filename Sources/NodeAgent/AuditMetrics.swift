/// What audits of the node's pods found, and what repairs came to. No label holds a pod's name.
package struct AuditMetrics: Sendable {
  /// Pods that should be redirected, by `state`.
  let auditedPods: Gauge
  private let repairs: RepairMetrics
  let auditDuration: Histogram

  package init(in metrics: Metrics, repairs: RepairMetrics) {
    self.repairs = repairs
    auditedPods = metrics.gauge(
      "istio_cni_audited_pods", "Pods of this node that should be redirected, by how they stand.", labels: ["state"])
    auditDuration = metrics.histogram(
      "istio_cni_audit_duration_seconds", "How long it took to look at the pods of this node, with repairs.",
      bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
  }

  func take(_ findings: [AuditFinding]) {
    for state in AuditFinding.State.allCases {
      auditedPods.set(Double(findings.count { $0.standing == state }), state.rawValue)
    }
  }

  func count(_ repair: AuditFinding.Repair) {
    switch repair {
    case .success: repairs.pods.increment("repair", "success")
    case .failure: repairs.pods.increment("repair", "fail")
    case .skip: repairs.pods.increment("repair", "skip")
    }
  }
}
