import JSON
import NodeAgent
import TestKit
import Testing

@Suite("A pod that started without its redirect") struct BrokenPodRuleTests {
  private static let failed: JSONValue = [
    "terminated": ["exitCode": 126, "reason": "Error", "message": " no redirect\n"]
  ]
  private static let waiting: JSONValue = ["waiting": ["reason": "CrashLoopBackOff"]]
  private static let running: JSONValue = ["running": ["startedAt": "2026-01-01T00:00:00Z"]]
  private static let succeeded: JSONValue = ["terminated": ["exitCode": 0, "reason": "Completed"]]

  private static func pod(
    _ statuses: [JSONValue], policy: String = "Always", metadata: JSONObject = [:], phase: String = "Pending"
  ) -> JSONValue {
    let all: JSONObject = [
      "namespace": "shop", "name": "cart", "uid": "7f3c", "labels": ["app": "cart"],
      "annotations": ["sidecar.istio.io/status": "{}"],
    ]
    return [
      "metadata": .object(all.patched(with: metadata)),
      "spec": [
        "restartPolicy": .string(policy), "nodeName": "node-a",
        "initContainers": [["name": "istio-validation"], ["name": "istio-proxy", "restartPolicy": "Always"]],
      ],
      "status": ["phase": .string(phase), "initContainerStatuses": .array(statuses)],
    ]
  }

  private static func status(
    _ state: JSONValue, last: JSONValue = [:], name: String = "istio-validation", started: Bool? = nil
  ) -> JSONValue {
    var status: JSONObject = ["name": .string(name), "state": state, "lastState": last]
    if let started { status["started"] = .bool(started) }
    return .object(status)
  }

  private static func isBroken(_ pod: JSONValue, _ change: (inout BrokenPodRule) -> Void = { _ in }) -> Bool {
    var rule = BrokenPodRule()
    change(&rule)
    return InitFailures(pod).flatMap { rule.evidence(in: $0) } != nil
  }

  @Test(
    "is one whose validation has failed and not succeeded since",
    arguments: [
      (waiting, failed, true), (running, failed, true), (failed, [:], true), (failed, failed, true),
      (succeeded, failed, false), (succeeded, [:], false), (running, [:], false), (waiting, [:], false),
      (waiting, succeeded, false),
    ] as [(JSONValue, JSONValue, Bool)])
  func states(state: JSONValue, last: JSONValue, isBroken: Bool) {
    #expect(Self.isBroken(Self.pod([Self.status(state, last: last)])) == isBroken)
  }

  @Test("is one of a Job that is never restarted, too")
  func job() {
    #expect(Self.isBroken(Self.pod([Self.status(Self.failed)], policy: "Never", phase: "Failed")))
  }

  @Test("is one with a native sidecar, too, but not when only the sidecar was restarted and has come about")
  func nativeSidecar() {
    let proxy = Self.status(Self.running, last: Self.failed, name: "istio-proxy", started: true)
    let any = { (rule: inout BrokenPodRule) in rule.container = "" }
    #expect(Self.isBroken(Self.pod([Self.status(Self.waiting, last: Self.failed), proxy])))
    #expect(!Self.isBroken(Self.pod([Self.status(Self.succeeded), proxy]), any))
    let failing = Self.status(Self.waiting, last: Self.failed, name: "istio-proxy")
    #expect(Self.isBroken(Self.pod([Self.status(Self.succeeded), failing]), any))
    let starting = Self.status(Self.running, last: Self.failed, name: "istio-proxy", started: false)
    #expect(Self.isBroken(Self.pod([Self.status(Self.succeeded), starting]), any))
  }

  @Test("has the sidecar's annotation, whatever its value, unless none is asked for")
  func annotation() {
    let pod = Self.pod(
      [Self.status(Self.waiting, last: Self.failed)], metadata: ["annotations": ["sidecar.istio.io/status": nil]])
    #expect(!Self.isBroken(pod))
    #expect(Self.isBroken(pod) { $0.sidecarAnnotation = "" })
    #expect(!Self.isBroken(pod) { $0.sidecarAnnotation = "other" })
  }

  @Test("is told by the container of that name, or by any")
  func container() {
    let pod = Self.pod([Self.status(Self.waiting, last: Self.failed, name: "check")])
    #expect(!Self.isBroken(pod))
    #expect(Self.isBroken(pod) { $0.container = "check" })
    #expect(Self.isBroken(pod) { $0.container = "" })
  }

  @Test("is told by that exit code, or by any of a failure")
  func exitCode() {
    let pod = Self.pod([Self.status(Self.waiting, last: ["terminated": ["exitCode": 1]])])
    #expect(!Self.isBroken(pod))
    #expect(Self.isBroken(pod) { $0.exitCode = 1 })
    #expect(Self.isBroken(pod) { $0.exitCode = 0 })
  }

  @Test("is told by that termination message without white space around it, or by any")
  func message() {
    let pod = Self.pod([Self.status(Self.waiting, last: Self.failed)])
    #expect(Self.isBroken(pod) { $0.terminationMessage = "no redirect" })
    #expect(!Self.isBroken(pod) { $0.terminationMessage = "no" })
  }

  @Test("matches the selectors, and is in a namespace that the plugin does not leave out")
  func selectors() throws {
    let pod = Self.pod([Self.status(Self.waiting, last: Self.failed)])
    for (labels, fields, isBroken) in [
      ("app=cart", "metadata.namespace=shop", true), ("app!=cart", "", false),
      ("", "status.phase!=Pending", false), ("", "spec.nodeName=node-a", true),
    ] {
      let rule = BrokenPodRule(labels: try LabelSelector(labels), fields: try FieldSelector(fields))
      #expect((InitFailures(pod).flatMap { rule.evidence(in: $0) } != nil) == isBroken)
    }
    #expect(!Self.isBroken(pod) { $0.excludedNamespaces = ["kube-system", "shop"] })
  }

  @Test("is not one that was told to end")
  func ending() {
    let metadata: JSONObject = ["deletionTimestamp": "2026-01-01T00:00:00Z"]
    #expect(InitFailures(Self.pod([Self.status(Self.waiting, last: Self.failed)], metadata: metadata)) == nil)
  }

  @Test("is known by the one container that tells, with how it ended")
  func evidence() throws {
    let failures = try #require(InitFailures(Self.pod([Self.status(Self.waiting, last: Self.failed)])))
    let evidence = try #require(BrokenPodRule().evidence(in: failures))
    #expect("\(evidence)" == "init container istio-validation exited with 126")
    #expect(evidence.message == "no redirect")
  }

  @Test("is none of those in good order, of which nothing is kept", arguments: PodCacheTests.podFixtures)
  func fixtures(name: String) throws {
    #expect(PodEntry(try fixture("pods/\(name)/pod.json")).initFailures == nil)
  }
}
