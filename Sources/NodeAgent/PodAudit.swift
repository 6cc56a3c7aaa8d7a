package import CNI
package import MeshPod
import Netfilter
import Redirect
package import System

/// Compares what is in the pods' namespaces with what should be there, and mends it where that is wanted.
package struct PodAudit: Sendable {
  private let configuration: PluginConfiguration
  private let records: AttachmentRecords
  private let folders: PodNamespaces.Folders
  private let programFolders: [String]
  private let repairs: Bool

  /// - Parameters:
  ///   - configuration: of our entry, as it is installed.
  ///   - programFolders: where a back end looks for programs, should it need any.
  ///   - repairs: Whether what is missing or changed is put back in place.
  package init(
    _ configuration: PluginConfiguration, _ runDirectory: RunDirectory, _ folders: PodNamespaces.Folders,
    programFolders: [String], repairs: Bool
  ) {
    self.configuration = configuration
    records = AttachmentRecords(runDirectory)
    self.folders = folders
    self.programFolders = programFolders
    self.repairs = repairs
  }

  /// Looks at each of the pods that should be redirected. Blocks: on the kernel, about a millisecond a pod.
  ///
  /// - Parameter entries: the pods in question; nil if the node's pods are not known, and records must do.
  /// - Returns: A finding for each, in the order of their names.
  /// - Throws: what keeps all of them from being looked at.
  package func run(_ entries: [PodEntry]?) throws(SystemError) -> [AuditFinding] {
    let recorded = try records.all().map { MeshedPod.Recorded(key: $0.key, record: $0.record) }
    let pods =
      entries.map { MeshedPod.all(among: $0, recorded, configuration) } ?? MeshedPod.all(of: recorded)
    var namespaces = try PodNamespaces(folders)
    let owners = Dictionary(pods.flatMap { pod in pod.addresses.map { ($0, pod.name) } }) { first, _ in first }
    var findings: [AuditFinding] = []
    for pod in pods.sorted(by: { ($0.name.namespace, $0.name.name) < ($1.name.namespace, $1.name.name) }) {
      findings.append(look(at: pod, &namespaces, owners))
    }
    return findings
  }

  // MARK: One pod

  /// Where a pod is, and the record that leads there, or should.
  private struct Location: ~Copyable {
    let found: FoundNamespace
    let recorded: MeshedPod.Recorded?
    /// Where a record leads instead.
    let misplaced: String?
  }

  private func look(
    at pod: MeshedPod, _ namespaces: inout PodNamespaces, _ owners: [IPAddress: PodName]
  ) -> AuditFinding {
    if case .undecided(let reason) = pod.wish { return AuditFinding(pod.name, .unreadable, reason: reason) }
    var misplaced: String?
    do throws(NamespaceTrouble) {
      let location = try locate(pod, &namespaces, owners, &misplaced)
      let path = location.found.path
      do throws(NetfilterError) {
        return try compare(pod, location)
      } catch {
        return AuditFinding(pod.name, .unreadable, namespacePath: path, reason: error.cause)
      }
    } catch {
      guard let misplaced else { return AuditFinding(pod.name, .notFound, reason: "\(error)") }
      return AuditFinding(pod.name, .wrongPod, reason: "\(misplaced); \(error)")
    }
  }

  private func locate(
    _ pod: MeshedPod, _ namespaces: inout PodNamespaces, _ owners: [IPAddress: PodName], _ misplaced: inout String?
  ) throws(NamespaceTrouble) -> Location {
    var trouble: NamespaceTrouble?
    for recorded in pod.records {
      guard let path = recorded.record.namespacePath else { continue }
      // A number of a process may be another's by now.
      if pod.addresses.isEmpty, path.hasPrefix("/proc/") { continue }
      do throws(NamespaceTrouble) {
        let found = try namespaces.open(recorded: path)
        if pod.addresses.isEmpty || !found.addresses.isDisjoint(with: pod.addresses) {
          return Location(found: found, recorded: recorded, misplaced: nil)
        }
        guard let other = found.addresses.map({ "\($0)" }).min() else { continue }
        let owner = found.addresses.compactMap { owners[$0] }.first.map { " of \($0)" } ?? ""
        misplaced = "the namespace on record, \(path), has the address \(other)\(owner)"
      } catch {
        trouble = error
      }
    }
    if pod.addresses.isEmpty {
      throw trouble ?? NamespaceTrouble(description: "its record names no namespace, and its addresses are not known")
    }
    let found = try namespaces.search(pod.uids, pod.addresses)
    return Location(found: found, recorded: pod.records.first, misplaced: misplaced)
  }

  private func compare(_ pod: MeshedPod, _ location: borrowing Location) throws(NetfilterError) -> AuditFinding {
    let wanted = try WantedRedirect(
      pod, location.recorded?.record, configuration.backend, programFolders, in: location.found.namespace)
    let foreign = try ForeignRules(in: location.found.namespace, besides: wanted.backend.name)
    var finding = AuditFinding(
      pod.name, wanted.state, namespacePath: location.found.path, differences: wanted.differences,
      foreignTables: foreign.tables)
    if let misplaced = location.misplaced {
      finding.state = .wrongPod
      finding.reason = misplaced
    } else if finding.state == .ok, !foreign.tables.isEmpty {
      finding.state = .foreign
    }
    if repairs, !wanted.differences.isEmpty || location.misplaced != nil {
      finding.repair = repair(wanted, location, foreign)
    }
    return finding
  }

  // MARK: Repair

  /// The same ruleset in one transaction, and a look whether it is there then. An ADD that is under way at the same time
  /// writes the same rules; either replaces the other's as a whole.
  private func repair(
    _ wanted: WantedRedirect, _ location: borrowing Location, _ foreign: ForeignRules
  ) -> AuditFinding.Repair {
    if location.recorded == nil, foreign.mayRedirect {
      return .skip("another program seems to redirect the pod already: \(foreign.tables.joined(separator: ", "))")
    }
    do throws(NetfilterError) {
      if !wanted.differences.isEmpty {
        try PodRedirect.apply(wanted.ruleset, in: location.found.namespace, with: wanted.backend)
        let left = try PodRedirect.drift(
          from: wanted.ruleset, in: location.found.namespace, with: wanted.backend)
        guard left.isEmpty else {
          return .failure("read back, it is not as it was put: \(left.map(\.description).joined(separator: "; "))")
        }
      }
    } catch {
      return .failure(error.cause)
    }
    if let failure = update(location, wanted) { return .failure(failure) }
    return .success
  }

  /// Lets the record tell of the rules that are there now, and of where the pod is.
  ///
  /// - Returns: Why it could not be done.
  private func update(_ location: borrowing Location, _ wanted: WantedRedirect) -> String? {
    guard let recorded = location.recorded else { return nil }
    let former = recorded.record
    // A process's path says nothing once the process has ended.
    let path = location.found.path.hasSuffix("/ns/net") ? nil : former.namespacePath(foundAt: location.found.path)
    let record = AttachmentRecord(
      former.pod, former.policy, hasIPv6: former.hasIPv6, wanted.ruleset, wanted.backend,
      namespacePath: location.misplaced == nil ? former.namespacePath : path, addresses: former.addresses)
    if record == former { return nil }
    do throws(SystemError) {
      // A DEL that came meanwhile has removed it, for good.
      if records.read(recorded.key) == .record(former) { try records.write(record.serialized(), at: recorded.key) }
      return nil
    } catch {
      return "the record cannot be written: \(error)"
    }
  }
}

extension AttachmentRecord {
  /// The node's path of a namespace that the agent found under another one: runtimes bind all of them in one folder.
  fileprivate func namespacePath(foundAt path: String) -> String {
    guard let namespacePath, !namespacePath.hasPrefix("/proc/"), let name = path.split(separator: "/").last else {
      return path
    }
    return namespacePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
      + "/\(name)"
  }
}
