/// What became of pods that started without their redirect. The name is Istio's.
package struct RepairMetrics: Sendable {
  /// By `type` (`repair`, `delete`, `label`) and `result` (`success`, `skip`, `fail`).
  package let pods: Counter

  package init(in metrics: Metrics) {
    pods = metrics.counter(
      "istio_cni_repair_pods_repaired_total",
      "Pods without their redirect that were treated, by what was done and how it went.", labels: ["type", "result"])
  }
}
