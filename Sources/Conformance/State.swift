import CNI
import Glibc
import Harness
import JSON
import System

/// What a plugin could have changed on a node and in its containers, as lines of text without what changes by itself.
struct State: Sendable, Equatable {
  /// Lines by what they tell about: `node: links`, `container 1: rules`, `files`.
  var sections: [String: [String]] = [:]

  /// What is here and was not there, and the other way round: `+ node: links: …`, `- files: …`.
  ///
  /// - Parameter ignored: Regular expressions; a line that one of them is found in does not count.
  func differences(from baseline: State, ignoring ignored: [String] = []) -> [String] {
    // Parameters last: an interface has a hundred of them.
    let names = Set(sections.keys).union(baseline.sections.keys)
      .sorted { (isMinor($0) ? 1 : 0, $0) < (isMinor($1) ? 1 : 0, $1) }
    // A pattern that is no regular expression ignores nothing, and the difference shows.
    let patterns = ignored.compactMap { try? Regex($0) }
    return names.flatMap { name in
      Self.changes(from: baseline.sections[name] ?? [], to: sections[name] ?? [], in: name)
        .filter { line in !patterns.contains { line.contains($0) } }
    }
  }

  /// A line that occurs twice counts twice.
  private static func changes(from before: [String], to now: [String], in name: String) -> [String] {
    // A namespace that has gone or come: comparing a thousand lines with none takes long.
    if before.isEmpty { return now.map { "+ \(name): \($0)" } }
    if now.isEmpty { return before.map { "- \(name): \($0)" } }
    return now.difference(from: before).map { change in
      switch change {
      case .insert(_, let text, _): "+ \(name): \(text)"
      case .remove(_, let text, _): "- \(name): \(text)"
      }
    }
  }

  /// Whether an IPv6 address is not valid yet, or has no local route yet: behind a bridge whose carrier has just come
  /// the kernel makes it up to a second later.
  fileprivate var isSettling: Bool {
    let pattern = #/ inet6 ([^ \/]+)\//#
    return sections.contains { name, lines in
      name.hasSuffix("addresses and routes")
        && lines.contains { line in
          guard let address = line.firstMatch(of: pattern)?.1 else { return false }
          return line.contains(" tentative") || !lines.contains { $0.hasPrefix("local \(address) ") }
        }
    }
  }

  private func isMinor(_ section: String) -> Bool { section.hasSuffix("kernel parameters") }
}

extension LabNode {
  /// The state of this node and of those of its containers whose namespaces are still bound. Waits a moment for
  /// addresses that have just come: without duplicate address detection, too, the kernel makes them valid in the
  /// background.
  func state() throws -> State {
    var state = State()
    _ = try lab.eventually(within: .seconds(2)) {
      state = try readState()
      return !state.isSettling
    }
    return state
  }

  private func readState() throws -> State {
    var state = State()
    try state.add(namespaceState(nil), of: "node")
    for container in containers where try isBound(container) {
      try state.add(namespaceState(container), of: "container \(container.number)")
    }
    let folders = ["/run", "/var/lib/cni"] + lab.manifest.dataFolders.filter { !$0.hasPrefix("/run") }
    state.sections["files"] = try node.run { () throws(SystemError) in
      var lines: [String] = []
      for folder in folders { lines += try fileLines(in: folder) }
      return lines
    }
    return state
  }

  /// Checks that nothing is left of what was done since `baseline`, but for what the manifest says that attachments
  /// share. Waits a moment, for the kernel takes links down in the background.
  func expectNoTrace(since baseline: State, ignoring more: [String] = []) throws {
    var differences: [String] = []
    _ = try lab.eventually(within: .seconds(2)) {
      differences = try traces(since: baseline, ignoring: more)
      return differences.isEmpty
    }
    let rest = differences.count > 8 ? ["and \(differences.count - 8) more"] : []
    try expect(
      differences.isEmpty, "left behind or lost: \((differences.prefix(8) + rest).joined(separator: "; "))")
  }

  /// What has come and gone since `baseline`, but for what the manifest says that attachments share, and for what goes
  /// with a namespace: what was in it, and the node's end of the hand-made interface.
  func traces(since baseline: State, ignoring more: [String] = []) throws -> [String] {
    var ignored = lab.manifest.sharedState + more
    for container in containers where try !isBound(container) {
      ignored += ["^- container \(container.number):", "^- node: .*\\bvh\(container.number)\\b"]
    }
    return try state().differences(from: baseline, ignoring: ignored)
  }

  /// Checks that everything is as it was, what attachments share included.
  func expectUnchanged(since baseline: State) throws {
    let differences = try state().differences(from: baseline)
    try expect(differences.isEmpty, "changed: \(differences.prefix(8).joined(separator: "; "))")
  }

  /// Whether the container's path still leads to its namespace.
  func isBound(_ container: Container) throws -> Bool {
    let path = container.path
    let identity = container.identity
    return try node.run { () throws(SystemError) in
      // Whatever else is there is not the namespace.
      guard let namespace = try? NetworkNamespace.open(path) else { return false }
      return namespace.identity == identity
    }
  }

  private func namespaceState(_ container: Container?) throws -> [String: [String]] {
    let body: @Sendable () throws(SystemError) -> [String: [String]] = { () throws(SystemError) in
      try readNamespace()
    }
    guard let container else { return try node.run(body) }
    return try node.mounts.run(with: try container.network(), body)
  }
}

extension State {
  fileprivate mutating func add(_ lines: [String: [String]], of place: String) {
    for (name, text) in lines { sections["\(place): \(name)"] = text }
  }
}

/// Reads the calling thread's network namespace, mostly with the usual programs: they know more than we do.
private func readNamespace() throws(SystemError) -> [String: [String]] {
  let links = try run("/usr/sbin/ip", ["-o", "link", "show"])
  let ipv4 = try run("/usr/sbin/ip", ["-4", "-o", "-batch", "-"], "address show\nroute show table all\nrule show\n")
  let ipv6 = try run("/usr/sbin/ip", ["-6", "-o", "-batch", "-"], "address show\nroute show table all\nrule show\n")
  var rules = try run("/usr/sbin/nft", ["-s", "list", "ruleset"])
  for (names, program) in [
    ("/proc/thread-self/net/ip_tables_names", "iptables-legacy-save"),
    ("/proc/thread-self/net/ip6_tables_names", "ip6tables-legacy-save"),
  ] {
    // The program makes the tables that it looks for.
    guard let tables = try? readFile(names, limit: 4096), !tables.isEmpty else { continue }
    let counters = #/ ?\[[0-9]+:[0-9]+\] ?/#
    rules += try run("/usr/sbin/\(program)", []).filter { !$0.hasPrefix("#") }.map { $0.replacing(counters, with: " ") }
  }
  return [
    "links": withoutIndexes(links).sorted(),
    "addresses and routes": withoutIndexes((ipv4 + ipv6).filter { !isVolatile($0) }).sorted(),
    "rules": rules,
    "kernel parameters": kernelParameters("/proc/sys/net"),
  ]
}

private func run(_ program: String, _ arguments: [String], _ input: String = "") throws(SystemError) -> [String] {
  let outcome = try runChild(
    program, arguments: arguments, environment: ["PATH": Call.searchPath], standardInput: Array(input.utf8),
    timeLimit: .seconds(20))
  return String(decoding: outcome.standardOutput, as: UTF8.self).split(separator: "\n").map { String($0) }
}

/// Link-local addresses and their routes, and what `ip` says of namespaces that are going.
private func isVolatile(_ line: String) -> Bool {
  ["fe80:", "ff00::/8", "Peer netns reference"].contains { line.contains($0) }
}

/// The lines of `ip` without what is another thing each time. The patterns are made once: that takes longer than to use
/// them.
private func withoutIndexes(_ lines: [String]) -> [String] {
  let peer = #/@if[0-9]+/#
  let volatile = [
    #/^[0-9]+: /#, #/ link-netns(?:id)? [^ ]+/#, #/ ?\\ *valid_lft.*/#, #/ expires [0-9]+sec/#,
    // What the kernel makes of a carrier up to a second after it came or went; LOWER_UP tells it at once.
    #/NO-CARRIER,| state [A-Z]+| linkdown/#,
  ]
  return lines.map { line in
    volatile.reduce(line.replacing(peer, with: "@if")) { $0.replacing($1, with: "") }
  }
}

/// The parameters of a namespace, but those that count.
private func kernelParameters(_ folder: String) -> [String] {
  var lines: [String] = []
  // An interface that has just gone has none.
  for name in ((try? names(inFolder: folder)) ?? []).sorted()
  where !["flush", "stable_secret", "nf_conntrack_count", "nf_conntrack_buckets"].contains(name) {
    let path = "\(folder)/\(name)"
    // The kernel clears as much memory as is asked for, at each of a thousand files.
    if let text = try? readFile(path, limit: 1 << 12) {
      lines.append("\(path.dropFirst("/proc/sys/".count)) = \(String(decoding: text, as: UTF8.self).trimmed)")
    } else if isFolder(path) {
      lines += kernelParameters(path)
    }
  }
  return lines
}

extension String {
  fileprivate var trimmed: String { String(prefix { !$0.isNewline }) }
}

/// Every file and folder below `folder` with its mode, and a digest of what is in it.
private func fileLines(in folder: String) throws(SystemError) -> [String] {
  var lines: [String] = []
  for name in try names(inFolder: folder).sorted() {
    let path = "\(folder)/\(name)"
    var status = stat()
    guard lstat(path, &status) == 0 else { continue }
    let kind = status.st_mode & S_IFMT
    let mode = String(status.st_mode & 0o7777, radix: 8)
    if kind == S_IFDIR {
      lines.append("folder \(path) \(mode)")
      lines += try fileLines(in: path)
    } else if kind == S_IFREG, !path.hasPrefix("/run/netns/"), let bytes = try? readFile(path, limit: 1 << 24) {
      let digest = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
      lines.append("file \(path) \(mode) \(bytes.count) bytes \(String(digest, radix: 16))")
    } else if !path.hasPrefix("/run/netns/") {
      lines.append("other \(path) \(mode)")
    }
  }
  return lines
}
