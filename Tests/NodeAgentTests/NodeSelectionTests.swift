import JSON
import NodeAgent
import Testing

@Suite("The selection of a node by a DaemonSet")
struct NodeSelectionTests {
  private static let node: JSONObject = [
    "metadata": [
      "name": "node-a",
      "labels": ["kubernetes.io/os": "linux", "zone": "1", "cpus": "8", "mesh": "on"],
    ],
    "spec": [:],
  ]

  private static func selection(
    _ spec: JSONObject, node: JSONObject = Self.node, taints: JSONValue? = nil
  ) -> NodeSelection {
    var node = node
    if let taints { node["spec"] = ["taints": taints] }
    let template = (["containers": [["name": "install-cni"]]] as JSONObject).patched(with: spec)
    return NodeSelection(daemonSet: ["spec": ["template": ["spec": .object(template)]]], node: .object(node))
  }

  private static func affinity(_ terms: JSONValue) -> JSONObject {
    [
      "affinity": [
        "nodeAffinity": ["requiredDuringSchedulingIgnoredDuringExecution": ["nodeSelectorTerms": terms]]
      ]
    ]
  }

  private static let noMatch = NodeSelection.unwanted("has a required node affinity that this node does not match")

  @Test("is by nothing at all if the DaemonSet asks for nothing")
  func everything() {
    #expect(Self.selection([:]) == .wanted)
  }

  @Test("is by labels, which must all be there")
  func labels() {
    #expect(Self.selection(["nodeSelector": ["kubernetes.io/os": "linux", "mesh": "on"]]) == .wanted)
    #expect(
      Self.selection(["nodeSelector": ["kubernetes.io/os": "linux", "mesh": "off"]])
        == .unwanted("selects nodes with mesh=off"))
    #expect(Self.selection(["nodeSelector": ["missing": ""]]) == .unwanted("selects nodes with missing="))
  }

  @Test("is by name")
  func name() {
    #expect(Self.selection(["nodeName": "node-a"]) == .wanted)
    #expect(Self.selection(["nodeName": "node-b"]) == .unwanted("asks for the node node-b"))
  }

  @Test(
    "is by each operator of a required affinity",
    arguments: [
      ("zone", "In", ["1", "2"], true), ("zone", "In", ["2"], false), ("missing", "In", [""], false),
      ("zone", "NotIn", ["2"], true), ("zone", "NotIn", ["1"], false), ("missing", "NotIn", ["1"], true),
      ("zone", "Exists", [], true), ("missing", "Exists", [], false),
      ("zone", "DoesNotExist", [], false), ("missing", "DoesNotExist", [], true),
      ("cpus", "Gt", ["7"], true), ("cpus", "Gt", ["8"], false), ("mesh", "Gt", ["7"], false),
      ("cpus", "Lt", ["9"], true), ("cpus", "Lt", ["8"], false), ("missing", "Lt", ["9"], false),
    ] as [(String, String, [String], Bool)])
  func operators(_ key: String, _ comparison: String, _ values: [String], _ isWanted: Bool) {
    let requirement: JSONValue = [
      "key": .string(key), "operator": .string(comparison), "values": .array(values.map { .string($0) }),
    ]
    #expect(
      Self.selection(Self.affinity([["matchExpressions": [requirement]]])) == (isWanted ? .wanted : Self.noMatch))
  }

  @Test("is by one of the terms, of which all requirements must hold")
  func terms() {
    let onZone1: JSONValue = ["key": "zone", "operator": "In", "values": ["1"]]
    let offMesh: JSONValue = ["key": "mesh", "operator": "In", "values": ["off"]]
    #expect(
      Self.selection(Self.affinity([["matchExpressions": [offMesh]], ["matchExpressions": [onZone1]]])) == .wanted)
    #expect(Self.selection(Self.affinity([["matchExpressions": [onZone1, offMesh]]])) == Self.noMatch)
    #expect(Self.selection(Self.affinity([["matchExpressions": []]])) == Self.noMatch)
    #expect(Self.selection(Self.affinity([])) == Self.noMatch)
  }

  @Test("is by the fields of a term")
  func fields() {
    func term(_ comparison: JSONValue, _ name: JSONValue) -> JSONObject {
      Self.affinity([["matchFields": [["key": "metadata.name", "operator": comparison, "values": [name]]]]])
    }
    #expect(Self.selection(term("In", "node-a")) == .wanted)
    #expect(Self.selection(term("In", "node-b")) == Self.noMatch)
    #expect(Self.selection(term("NotIn", "node-a")) == Self.noMatch)
  }

  @Test("is not by what is only preferred")
  func preference() {
    let preferred: JSONObject = [
      "affinity": [
        "nodeAffinity": [
          "preferredDuringSchedulingIgnoredDuringExecution": [
            ["weight": 1, "preference": ["matchExpressions": [["key": "x", "operator": "Exists"]]]]
          ]
        ]
      ]
    ]
    #expect(Self.selection(preferred) == .wanted)
  }

  // MARK: Taints

  private static let dedicated: JSONValue = ["key": "dedicated", "value": "gpu", "effect": "NoSchedule"]

  @Test("is by the taints that are not tolerated")
  func taints() {
    #expect(
      Self.selection([:], taints: [Self.dedicated]) == .unwanted("does not tolerate the taint dedicated=gpu:NoSchedule")
    )
    #expect(
      Self.selection([:], taints: [["key": "drain", "effect": "NoExecute"]])
        == .unwanted("does not tolerate the taint drain:NoExecute"))
    #expect(Self.selection([:], taints: [["key": "soft", "effect": "PreferNoSchedule"]]) == .wanted)
  }

  @Test(
    "is by tolerations as Kubernetes compares them",
    arguments: [
      (["operator": "Exists"], true),
      (["key": "dedicated", "operator": "Exists"], true),
      (["key": "dedicated", "operator": "Exists", "effect": "NoSchedule"], true),
      (["key": "dedicated", "operator": "Exists", "effect": "NoExecute"], false),
      (["key": "dedicated", "value": "gpu"], true),
      (["key": "dedicated", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"], true),
      (["key": "dedicated", "operator": "Equal", "value": "cpu"], false),
      (["key": "other", "operator": "Exists"], false),
    ] as [(JSONValue, Bool)])
  func tolerations(_ toleration: JSONValue, _ isTolerated: Bool) {
    let selection = Self.selection(["tolerations": [toleration]], taints: [Self.dedicated])
    #expect(
      selection == (isTolerated ? .wanted : .unwanted("does not tolerate the taint dedicated=gpu:NoSchedule")))
  }

  @Test(
    "is not by the state that a node is in for now",
    arguments: [
      "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/unschedulable",
      "node.kubernetes.io/disk-pressure", "node.kubernetes.io/memory-pressure", "node.kubernetes.io/pid-pressure",
      "node.kubernetes.io/network-unavailable", "node.kubernetes.io/out-of-service",
      "node.cloudprovider.kubernetes.io/uninitialized", "node.cloudprovider.kubernetes.io/shutdown",
    ])
  func conditions(_ key: String) {
    for effect in ["NoSchedule", "NoExecute"] {
      let taint: JSONValue = ["key": .string(key), "effect": .string(effect)]
      #expect(Self.selection([:], taints: [taint]) == .wanted)
    }
  }

  @Test("is not by whether the node takes new pods")
  func cordoned() {
    var node = Self.node
    node["spec"] = [
      "unschedulable": true, "taints": [["key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"]],
    ]
    #expect(Self.selection([:], node: node) == .wanted)
  }

  // MARK: What cannot be read

  @Test(
    "is unclear where something is not what Kubernetes has there",
    arguments: [
      (["nodeSelector": []], "spec.template.spec.nodeSelector is not an object but a JSON array"),
      (["nodeSelector": ["a": 1]], "spec.template.spec.nodeSelector[a] is not a string"),
      (["containers": []], "spec.template.spec.containers is missing"),
      (["tolerations": [["operator": "Lt"]]], "a toleration has the unknown operator \"Lt\""),
      (
        affinity([["matchExpressions": [["key": "a", "operator": "Near"]]]]), "the operator \"Near\" on a is unknown"
      ),
      (
        affinity([["matchExpressions": [["key": "a", "operator": "Gt", "values": ["x"]]]]]),
        "the operator Gt on a has no single integer to compare with"
      ),
      (
        affinity([["matchFields": [["key": "spec.x", "operator": "Exists"]]]]),
        "matchFields names the unknown field \"spec.x\""
      ),
    ] as [(JSONObject, String)])
  func unclear(_ spec: JSONObject, _ problem: String) {
    #expect(Self.selection(spec) == .unclear(problem))
  }

  @Test("is unclear where the node has no name, or there is no DaemonSet to read")
  func nothing() {
    #expect(Self.selection([:], node: [:]) == .unclear("metadata.name is missing"))
    #expect(
      NodeSelection(daemonSet: [:], node: .object(Self.node)) == .unclear("spec.template.spec.containers is missing"))
  }
}
