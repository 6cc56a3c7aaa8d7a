/// What the plugin's invocations on this node add up to. No label holds a pod's name.
package struct PluginMetrics: Sendable {
  /// Seconds, by `command` and `phase`: `total`, `facts`, `apply`.
  let duration: Histogram
  /// By `command` and `code`: that of the CNI error, 0 for success.
  let requests: Counter
  /// By `decision` and `reason`.
  let decisions: Counter
  /// Where pods' facts came from, by `source`.
  let facts: Counter
  /// Of pods that the agent knows.
  let cachedPods: Gauge
  /// The plugin's questions, by `source` of the answer: `cache`, `api`, `none`.
  let podQuestions: Counter
  /// Records that could not be read or kept.
  let lostRecords: Counter

  package init(in metrics: Metrics) {
    duration = metrics.histogram(
      "istio_cni_plugin_duration_seconds", "How long the plugin's invocations took, in all and by phase.",
      labels: ["command", "phase"],
      bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30])
    requests = metrics.counter(
      "istio_cni_plugin_requests_total",
      "Invocations of the plugin, by command and by the code of its CNI error, or 0.",
      labels: ["command", "code"])
    decisions = metrics.counter(
      "istio_cni_plugin_decisions_total", "What the plugin decided, and why.", labels: ["decision", "reason"])
    facts = metrics.counter(
      "istio_cni_plugin_facts_total", "Where the plugin learnt what it decided by.", labels: ["source"])
    cachedPods = metrics.gauge("istio_cni_cached_pods", "Pods of this node that the agent knows.")
    podQuestions = metrics.counter(
      "istio_cni_pod_questions_total", "The plugin's questions to the agent, by where the answer came from.",
      labels: ["source"])
    lostRecords = metrics.counter(
      "istio_cni_plugin_records_lost_total", "Records of the plugin that could not be read or kept.")
  }
}
