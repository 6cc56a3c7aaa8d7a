package import JSON
import Kubernetes

/// Whether a DaemonSet, as it stands now, wants a pod on a node.
///
/// The rules are those of the DaemonSet controller, with one exception: a taint that the cluster puts on a node because
/// of its condition, or that of its cloud, passes by itself and says nothing of what the DaemonSet wants.
///
/// Source: Kubernetes, `NodeShouldRunDaemonPod` in pkg/controller/daemon and `GetRequiredNodeAffinity` in
/// component-helpers/scheduling/corev1/nodeaffinity.
package enum NodeSelection: Sendable, Equatable {
  case wanted
  /// The rest of a sentence that begins with the DaemonSet: what its template asks for and the node does not have.
  case unwanted(String)
  /// What could not be read, so that nothing may be concluded.
  case unclear(String)

  /// - Parameters:
  ///   - daemonSet: as the API server returns it.
  ///   - node: as the API server returns it.
  package init(daemonSet: JSONValue, node: JSONValue) {
    do throws(ObjectField.Fault) {
      let spec = try ObjectField(path: "", value: daemonSet)["spec"]["template"]["spec"]
      // A template without containers is none; nothing may be read out of it.
      guard try !spec["containers"].elements().isEmpty else {
        throw ObjectField.Fault(problem: "spec.template.spec.containers is missing")
      }
      let mismatch = try Self.mismatch(spec, try SelectedNode(node))
      self = mismatch.map { .unwanted($0) } ?? .wanted
    } catch {
      self = .unclear(error.problem)
    }
  }

  private static func mismatch(_ spec: ObjectField, _ node: SelectedNode) throws(ObjectField.Fault) -> String? {
    if let name = try spec["nodeName"].string(), !name.isEmpty, name != node.name {
      return "asks for the node \(name)"
    }
    for (key, value) in try spec["nodeSelector"].strings().sorted(by: { $0.key < $1.key }) {
      if node.labels[key] != value { return "selects nodes with \(key)=\(value)" }
    }
    let required = try spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    if required.value != .null {
      var isMatched = false
      for term in try required["nodeSelectorTerms"].elements() {
        if try NodeSelectorTerm(term).matches(node) { isMatched = true }
      }
      if !isMatched { return "has a required node affinity that this node does not match" }
    }
    var tolerations: [Toleration] = []
    for toleration in try spec["tolerations"].elements() { tolerations.append(try Toleration(toleration)) }
    let untolerated = node.taints.first { taint in
      taint.keepsPodsAway && !taint.isPassing && !tolerations.contains { $0.covers(taint) }
    }
    return untolerated.map { "does not tolerate the taint \($0)" }
  }
}

/// What a selection looks at.
private struct SelectedNode {
  let name: String
  let labels: [String: String]
  let taints: [Taint]

  init(_ json: JSONValue) throws(ObjectField.Fault) {
    let root = ObjectField(path: "", value: json)
    name = try root["metadata"]["name"].requiredString()
    labels = try root["metadata"]["labels"].strings()
    var taints: [Taint] = []
    for taint in try root["spec"]["taints"].elements() { taints.append(try Taint(taint)) }
    self.taints = taints
  }
}

// MARK: - Affinity

/// Requirements that must all hold.
private struct NodeSelectorTerm {
  private let expressions: [NodeSelectorRequirement]
  private let fields: [NodeSelectorRequirement]

  init(_ field: ObjectField) throws(ObjectField.Fault) {
    expressions = try Self.requirements(try field["matchExpressions"])
    fields = try Self.requirements(try field["matchFields"])
  }

  private static func requirements(_ list: ObjectField) throws(ObjectField.Fault) -> [NodeSelectorRequirement] {
    var requirements: [NodeSelectorRequirement] = []
    for element in try list.elements() { requirements.append(try NodeSelectorRequirement(element)) }
    return requirements
  }

  func matches(_ node: SelectedNode) throws(ObjectField.Fault) -> Bool {
    // A term without requirements matches nothing.
    if expressions.isEmpty, fields.isEmpty { return false }
    for expression in expressions where try !expression.holds(for: node.labels[expression.key]) { return false }
    for field in fields {
      guard field.key == "metadata.name" else {
        throw ObjectField.Fault(problem: "matchFields names the unknown field \"\(field.key.prefix(60))\"")
      }
      if try !field.holds(for: node.name) { return false }
    }
    return true
  }
}

private struct NodeSelectorRequirement {
  let key: String
  private let comparison: String
  private let values: [String]

  init(_ field: ObjectField) throws(ObjectField.Fault) {
    key = try field["key"].requiredString()
    comparison = try field["operator"].requiredString()
    var values: [String] = []
    for value in try field["values"].elements() { values.append(try value.string() ?? "") }
    self.values = values
  }

  /// - Parameter value: nil if the node has no such label.
  func holds(for value: String?) throws(ObjectField.Fault) -> Bool {
    switch comparison {
    case "In": return value.map { values.contains($0) } ?? false
    case "NotIn": return value.map { !values.contains($0) } ?? true
    case "Exists": return value != nil
    case "DoesNotExist": return value == nil
    case "Gt", "Lt":
      guard values.count == 1, let bound = Int64(values[0]) else {
        throw ObjectField.Fault(problem: "the operator \(comparison) on \(key) has no single integer to compare with")
      }
      guard let number = value.flatMap({ Int64($0) }) else { return false }
      return comparison == "Gt" ? number > bound : number < bound
    default:
      throw ObjectField.Fault(problem: "the operator \"\(comparison.prefix(40))\" on \(key) is unknown")
    }
  }
}

// MARK: - Taints

private struct Taint: CustomStringConvertible {
  let key: String
  let value: String
  let effect: String

  init(_ field: ObjectField) throws(ObjectField.Fault) {
    key = try field["key"].requiredString()
    value = try field["value"].string() ?? ""
    effect = try field["effect"].requiredString()
  }

  /// Whether it counts at all; `PreferNoSchedule` is only a wish.
  var keepsPodsAway: Bool { effect == "NoSchedule" || effect == "NoExecute" }

  /// Whether the cluster sets it by the node's condition. The DaemonSet controller tolerates most of these on behalf of
  /// its pods; that a node is not ready, cordoned or shutting down never means that its plugin is unwanted.
  ///
  /// Source: Kubernetes, "Well-Known Labels, Annotations and Taints"; `AddOrUpdateDaemonPodTolerations`.
  var isPassing: Bool {
    switch key {
    case "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/disk-pressure",
      "node.kubernetes.io/memory-pressure", "node.kubernetes.io/pid-pressure", "node.kubernetes.io/unschedulable",
      "node.kubernetes.io/network-unavailable", "node.kubernetes.io/out-of-service",
      "node.cloudprovider.kubernetes.io/uninitialized", "node.cloudprovider.kubernetes.io/shutdown":
      true
    default: false
    }
  }

  var description: String { value.isEmpty ? "\(key):\(effect)" : "\(key)=\(value):\(effect)" }
}

private struct Toleration {
  private let key: String
  private let comparison: String
  private let value: String
  private let effect: String

  init(_ field: ObjectField) throws(ObjectField.Fault) {
    key = try field["key"].string() ?? ""
    comparison = try field["operator"].string() ?? ""
    value = try field["value"].string() ?? ""
    effect = try field["effect"].string() ?? ""
    guard ["", "Equal", "Exists"].contains(comparison) else {
      throw ObjectField.Fault(problem: "a toleration has the unknown operator \"\(comparison.prefix(40))\"")
    }
  }

  /// An empty key or effect stands for any.
  func covers(_ taint: Taint) -> Bool {
    (effect.isEmpty || effect == taint.effect) && (key.isEmpty || key == taint.key)
      && (comparison == "Exists" || value == taint.value)
  }
}
