import NodeAgent
import Testing

struct MetricsTests {
  @Test("counters and gauges are printed sorted, with help and type")
  func text() {
    let metrics = Metrics()
    let gauge = metrics.gauge("b", "A gauge.")
    let counter = metrics.counter("a_total", "A counter.", labels: ["result", "object"])
    counter.increment("z", "x")
    counter.increment("a", "y", by: 2.5)
    counter.increment("a", "y")
    gauge.set(-0.125)
    #expect(
      metrics.text == """
        # HELP a_total A counter.
        # TYPE a_total counter
        a_total{result="a",object="y"} 3.5
        a_total{result="z",object="x"} 1
        # HELP b A gauge.
        # TYPE b gauge
        b -0.125

        """)
  }

  @Test("a number without labels is zero from the start, one with labels has no line")
  func start() {
    let metrics = Metrics()
    let labelled = metrics.counter("b", "B.", labels: ["l"])
    _ = metrics.counter("a", "A.")
    #expect(metrics.text == "# HELP a A.\n# TYPE a counter\na 0\n# HELP b B.\n# TYPE b counter\n")
    labelled.increment("x", by: 0)
    #expect(metrics.text.hasSuffix("b{l=\"x\"} 0\n"))
  }

  @Test("a histogram counts what is within each bound, the bound included")
  func histogram() {
    let metrics = Metrics()
    let histogram = metrics.histogram("h", "H.", labels: ["l"], bounds: [0.5, 1])
    for value in [0.25, 0.5, 1, 7] { histogram.observe(value, "x") }
    #expect(
      metrics.text == """
        # HELP h H.
        # TYPE h histogram
        h_bucket{l="x",le="0.5"} 2
        h_bucket{l="x",le="1"} 3
        h_bucket{l="x",le="+Inf"} 4
        h_sum{l="x"} 8.75
        h_count{l="x"} 4

        """)
  }

  @Test("durations are seconds")
  func duration() {
    let metrics = Metrics()
    metrics.histogram("h", "H.", bounds: [1]).observe(.milliseconds(1500))
    #expect(metrics.text.contains("h_sum 1.5\n"))
  }

  @Test("what would break a line or a value is escaped")
  func escapes() {
    let metrics = Metrics()
    metrics.gauge("g", "back\\slash\nand \"quotes\"", labels: ["l"]).set(1, "back\\slash\nand \"quotes\"")
    #expect(
      metrics.text == #"""
        # HELP g back\\slash\nand "quotes"
        # TYPE g gauge
        g{l="back\\slash\nand \"quotes\""} 1

        """#)
  }

  static let spellings: [(Double, String)] = [
    (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (0, "0"), (1_764_100_800, "1764100800"),
    (1_764_100_800.25, "1764100800.25"), (1e21, "1e+21"),
  ]

  @Test("numbers are spelt as Prometheus reads them", arguments: spellings)
  func numbers(value: Double, text: String) {
    let metrics = Metrics()
    metrics.gauge("g", "G.").set(value)
    #expect(metrics.text.hasSuffix("\ng \(text)\n"))
  }

  @Test("the agent's metrics have Istio's names, and tell the version")
  func agentMetrics() {
    let metrics = Metrics()
    let agent = AgentMetrics(in: metrics, version: "1.2.3")
    agent.installs.increment("SUCCESS")
    agent.installReady.set(1)
    let lines = metrics.text.split(separator: "\n")
    #expect(lines.contains("istio_cni_installs_total{result=\"SUCCESS\"} 1"))
    #expect(lines.contains("istio_cni_install_ready 1"))
    #expect(lines.contains("istio_cni_build_info{version=\"1.2.3\"} 1"))
    #expect(
      lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] } == [
        "istio_cni_build_info", "istio_cni_config_conflicts_total", "istio_cni_config_contested",
        "istio_cni_config_reload_failures_total", "istio_cni_install_ready", "istio_cni_installs_total",
        "istio_cni_pass_duration_seconds", "istio_cni_repairs_total", "istio_cni_self_test_duration_seconds",
        "istio_cni_self_tests_total",
        "istio_cni_token_expiry_timestamp_seconds",
        "istio_cni_token_refused", "process_start_time_seconds",
      ])
  }
}
