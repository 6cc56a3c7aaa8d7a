package import System

/// A process of the node in a network namespace that is not the node's.
package struct PodProcess: Sendable, Equatable {
  package let pid: Int
  /// Clock ticks since the node was started.
  package let startTime: UInt64
  package let namespace: NetworkNamespace.Identity
  /// The pod that its cgroup names; nil if it names none.
  package let podUID: String?
  /// Where its network namespace is.
  package let namespacePath: String

  /// All of them, those that started first in front: that is how a sandbox's own process stands before what runs in it,
  /// which may end any moment. A process that ends meanwhile is left out, and so is one that may not be looked at.
  ///
  /// - Parameters:
  ///   - folder: the node's /proc, as mounted.
  ///   - others: namespaces whose processes are of no interest.
  /// - Throws: what keeps the folder from being read.
  package static func all(
    in folder: String, outside others: Set<NetworkNamespace.Identity>
  ) throws(SystemError) -> [PodProcess] {
    try names(inFolder: folder).compactMap { Int($0) }.compactMap { pid in
      // It ended, or it is a zombie, or another's.
      try? PodProcess(pid, "\(folder)/\(pid)", outside: others)
    }.sorted { ($0.startTime, $0.pid) < ($1.startTime, $1.pid) }
  }

  private init?(_ pid: Int, _ folder: String, outside others: Set<NetworkNamespace.Identity>) throws(SystemError) {
    self.pid = pid
    namespacePath = "\(folder)/ns/net"
    namespace = try NetworkNamespace.open(namespacePath).identity
    if others.contains(namespace) { return nil }
    guard
      let time = Self.startTime(inStat: String(decoding: try readFile("\(folder)/stat", limit: 4096), as: UTF8.self))
    else { return nil }
    startTime = time
    podUID = Self.podUID(inCgroups: String(decoding: try readFile("\(folder)/cgroup", limit: 1 << 16), as: UTF8.self))
  }

  /// Source: proc(5), /proc/PID/stat: the 22nd field; the second, a name in parentheses, may hold anything.
  package static func startTime(inStat text: String) -> UInt64? {
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    return fields.count > 19 ? UInt64(fields[19]) : nil
  }

  /// The pod that a process belongs to, by the names that kubelet gives to cgroups: `/kubepods/burstable/podUID/…`, or
  /// with systemd `/kubepods.slice/…/kubepods-burstable-podUID.slice/…` with underscores for the UID's dashes.
  ///
  /// Source: Kubernetes, `podCgroupNamePrefix` and `escapeSystemdCgroupName` in pkg/kubelet/cm. A static pod has the hash
  /// of its file for a UID, without dashes.
  ///
  /// - Parameter text: of /proc/PID/cgroup, a line for each hierarchy.
  package static func podUID(inCgroups text: String) -> String? {
    for line in text.split(separator: "\n") {
      for part in line.split(separator: "/") {
        let name = part.hasSuffix(".slice") ? part.dropLast(".slice".count) : part
        guard let last = name.split(separator: "-", omittingEmptySubsequences: false).last else { continue }
        // A UID has dashes itself, but not where dashes part names.
        let words = name.hasPrefix("pod") ? name : last
        guard words.hasPrefix("pod") else { continue }
        let uid = words.dropFirst("pod".count).map { $0 == "_" ? "-" : $0 }
        if (32...36).contains(uid.count), uid.allSatisfy({ $0.isHexDigit || $0 == "-" }) { return String(uid) }
      }
    }
    return nil
  }
}
