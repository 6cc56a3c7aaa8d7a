import CNI
import JSON
import Kubernetes
package import MeshPod
package import Redirect

/// A pod of this node that should be redirected, with what tells how.
package struct MeshedPod: Sendable {
  /// What an ADD left of an attachment of the pod.
  package struct Recorded: Sendable, Equatable {
    package let key: AttachmentRecords.Key
    package let record: AttachmentRecord

    package init(key: AttachmentRecords.Key, record: AttachmentRecord) {
      self.key = key
      self.record = record
    }
  }

  /// How it should be redirected.
  package enum Wish: Sendable, Equatable {
    /// As ADD has done it: pods' annotations change at run time, and change nothing about what is right for the pod.
    case recorded
    /// As ADD would do it now.
    case decided(Policy)
    /// ADD would not have let it start; why.
    case undecided(String)
  }

  package let name: PodName
  /// By which the runtime may know it.
  package let uids: Set<String>
  /// Empty where neither the API server nor a record tells.
  package let addresses: Set<IPAddress>
  package let records: [Recorded]
  package let wish: Wish
}

extension MeshedPod {
  /// Those among the node's pods: with addresses, so that their ADD is over, and not ending. The same readers and the
  /// same decision as in an ADD, so that who was left alone there is left alone here.
  package static func all(
    among entries: [PodEntry], _ records: [Recorded], _ configuration: PluginConfiguration
  ) -> [MeshedPod] {
    let recordsByUID = Dictionary(grouping: records, by: \.record.pod.uid)
    return entries.compactMap { entry in
      let addresses = Set(entry.addresses.compactMap { IPAddress($0) })
      if entry.isEnding || addresses.isEmpty { return nil }
      let uids = Set([entry.uid, entry.configHash].compactMap(\.self).filter { !$0.isEmpty })
      let name = PodName(namespace: entry.namespace, name: entry.name, uid: entry.uid)
      // Not every runtime tells UIDs.
      let own =
        uids.flatMap { recordsByUID[$0] ?? [] }
        + (recordsByUID[""] ?? []).filter { $0.record.pod.description == entry.key }
      let wish = own.isEmpty ? wish(for: entry, configuration) : .recorded
      return wish.map { MeshedPod(name: name, uids: uids, addresses: addresses, records: own, wish: $0) }
    }
  }

  /// Those that records tell of, where the node's pods are not known. That of a self-test which is under way is no pod of
  /// the node.
  package static func all(of records: [Recorded]) -> [MeshedPod] {
    let groups = Dictionary(grouping: records) { $0.record.pod.uid.isEmpty ? "\($0.record.pod)" : $0.record.pod.uid }
    return groups.values.compactMap { records in
      guard let name = records.first?.record.pod, name.namespace != SelfTestPod.namespace else { return nil }
      return MeshedPod(
        name: name, uids: name.uid.isEmpty ? [] : [name.uid],
        addresses: Set(records.flatMap(\.record.addresses).compactMap { IPAddress($0) }), records: records,
        wish: .recorded)
    }
  }

  /// Nil for a pod that is left alone.
  private static func wish(for entry: PodEntry, _ configuration: PluginConfiguration) -> Wish? {
    let exclusions = Exclusions(
      namespaces: Set(configuration.excludedNamespaces), agentNamespace: configuration.agentNamespace)
    if SkipReason(namespace: entry.namespace, name: entry.name, exclusions: exclusions) != nil { return nil }
    guard let summary = entry.summary else { return .undecided("the pod object is not what Kubernetes makes") }
    let facts: PodFacts
    do {
      facts = PodFacts(try PodObject(json: try JSONValue(parsing: summary)))
    } catch {
      return .undecided("\(error)")
    }
    var defaults = configuration.policyDefaults
    // Only the runtime names the cluster's DNS servers, to an ADD. Without them all of DNS is captured rather than none.
    if facts.nameservers.isEmpty { defaults.dnsScope = .all }
    do throws(PolicyError) {
      switch try Decision(facts, defaults: defaults) {
      case .skip: return nil
      case .redirect(let policy): return .decided(policy)
      }
    } catch {
      return .undecided("\(error)")
    }
  }
}

extension PodEntry {
  fileprivate var namespace: String { String(key.prefix { $0 != "/" }) }
  fileprivate var name: String { String(key.drop { $0 != "/" }.dropFirst()) }
}
