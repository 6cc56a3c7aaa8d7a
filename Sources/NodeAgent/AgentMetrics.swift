import System

/// The metrics of the installer. Names of Istio's agent where it has one.
package struct AgentMetrics: Sendable {
  /// Outcomes of installing, by `result`: `SUCCESS` each time the node has become ready, and the failures.
  package let installs: Counter
  /// Whether the node is as wanted: 0 or 1.
  package let installReady: Gauge
  /// What had to be put right, by `object`.
  package let repairs: Counter
  package let configConflicts: Counter
  /// 0 or 1.
  package let configContested: Gauge
  package let configReloadFailures: Counter
  /// Seconds since 1970; 0 if the token has no end or there is none.
  package let tokenExpiry: Gauge
  /// 0 or 1.
  package let tokenRefused: Gauge
  package let passDuration: Histogram
  /// By `result`: `passed`, `failed`, `untested` where the agent could not try.
  package let selfTests: Counter
  package let selfTestDuration: Histogram

  /// - Parameter version: of this program.
  package init(in metrics: Metrics, version: String) {
    installs = metrics.counter(
      "istio_cni_installs_total", "Outcomes of installing the plugin on this node.", labels: ["result"])
    installReady = metrics.gauge(
      "istio_cni_install_ready", "Whether the plugin is installed on this node as wanted: 1, or 0.")
    repairs = metrics.counter(
      "istio_cni_repairs_total", "Changes of the node that installing and repairing took, by what was changed.",
      labels: ["object"])
    configConflicts = metrics.counter(
      "istio_cni_config_conflicts_total",
      "Repairs of the CNI configuration that were put off or repeated because another program kept changing it.")
    configContested = metrics.gauge(
      "istio_cni_config_contested", "Whether another program keeps changing the CNI configuration: 1, or 0.")
    configReloadFailures = metrics.counter(
      "istio_cni_config_reload_failures_total", "Settings that could not be used; the ones before stayed in force.")
    tokenExpiry = metrics.gauge(
      "istio_cni_token_expiry_timestamp_seconds",
      "When the token of the agent's ServiceAccount ends, in seconds since 1970; 0 if it does not.")
    tokenRefused = metrics.gauge(
      "istio_cni_token_refused", "Whether the API server refused the token of the agent's ServiceAccount: 1, or 0.")
    passDuration = metrics.histogram(
      "istio_cni_pass_duration_seconds", "How long it took to look at the node and to put it right.",
      bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
    selfTests = metrics.counter(
      "istio_cni_self_tests_total",
      "Self-tests of the installed plugin with real connections, by result; untested: the agent could not try.",
      labels: ["result"])
    selfTestDuration = metrics.histogram(
      "istio_cni_self_test_duration_seconds", "How long a self-test took.",
      bounds: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15])
    metrics.gauge("istio_cni_build_info", "The version of the agent; always 1.", labels: ["version"]).set(1, version)
    metrics.gauge("process_start_time_seconds", "When the agent was started, in seconds since 1970.")
      .set((timeSinceEpoch() / .milliseconds(1)).rounded() / 1000)
  }
}
