package import JSON
package import MeshPod
package import Netfilter

/// What an audit says of a pod that should be redirected.
package struct AuditFinding: Sendable, Equatable {
  package enum State: String, Sendable, CaseIterable {
    /// As it should be.
    case ok
    /// No redirect.
    case missing
    /// A redirect that is not as it should be.
    case changed
    /// As it should be, beside rules of others that meet the same packets.
    case foreign
    /// The namespace on record is another pod's.
    case wrongPod = "wrong-pod"
    /// There is no namespace of it to be found.
    case notFound = "not-found"
    /// What is in its namespace cannot be told.
    case unreadable
  }

  /// What became of an attempt to mend it in place.
  package enum Repair: Sendable, Equatable {
    /// Read back afterwards, all was as it should be.
    case success
    case failure(String)
    /// Nothing was tried, for a reason that stays.
    case skip(String)
  }

  package let pod: PodName
  package var state: State
  /// Where its namespace was found.
  package var namespacePath: String?
  package var differences: [Difference] = []
  /// Others' tables beside the redirect.
  package var foreignTables: [String] = []
  /// Why, where differences do not say it.
  package var reason: String?
  package var repair: Repair?

  package init(
    _ pod: PodName, _ state: State, namespacePath: String? = nil, differences: [Difference] = [],
    foreignTables: [String] = [], reason: String? = nil, repair: Repair? = nil
  ) {
    self.pod = pod
    self.state = state
    self.namespacePath = namespacePath
    self.differences = differences
    self.foreignTables = foreignTables
    self.reason = reason
    self.repair = repair
  }

  /// How the pod stands now, after a repair.
  package var standing: State { repair == .success ? foreignTables.isEmpty ? .ok : .foreign : state }

  /// Identity of the pod: a new one under the same name is another one.
  var key: String { pod.uid.isEmpty ? pod.description : pod.uid }
}

// MARK: - For people and programs

extension AuditFinding {
  /// More differences than an operator reads in a line.
  private static let shownDifferenceCount = 5

  /// All that is to be said beside the state, in a line.
  package var detail: String {
    let hidden = differences.count - Self.shownDifferenceCount
    var parts = [reason].compactMap(\.self)
    parts += differences.prefix(Self.shownDifferenceCount).map(\.description)
    if hidden > 0 { parts.append("\(hidden) more differences") }
    if !foreignTables.isEmpty { parts.append("beside rules of others: \(foreignTables.joined(separator: ", "))") }
    return parts.joined(separator: "; ")
  }

  package var json: JSONValue {
    var object: JSONObject = [
      "namespace": .string(pod.namespace), "name": .string(pod.name), "uid": .string(pod.uid),
      "state": .string(state.rawValue),
    ]
    object["path"] = namespacePath.map { .string($0) }
    if !differences.isEmpty { object["differences"] = .array(differences.map { .string($0.description) }) }
    if !foreignTables.isEmpty { object["foreign"] = .array(foreignTables.map { .string($0) }) }
    object["reason"] = reason.map { .string($0) }
    return .object(object)
  }

  /// A table of findings, a line each.
  package static func table(of findings: [AuditFinding]) -> String {
    if findings.isEmpty { return "No pod on this node is to be redirected.\n" }
    let rows = findings.map { [$0.pod.namespace, $0.pod.name, $0.state.rawValue, $0.detail] }
    return ([["NAMESPACE", "NAME", "STATE", "DETAIL"]] + rows).aligned.map { "\($0)\n" }.joined()
  }
}
