import Glibc
import Netfilter
import Redirect
import Synchronization
import System
import SystemPackage
import Testing
import TruthTables

/// Which flavour is chosen in a namespace, and what becomes of a pod when a program fails.
@Suite(.requires(.namespaces), .requires(.iptables), .tags(.root), .timeLimit(.minutes(10)))
struct IptablesFailureTests {
  static let rich = PodRedirectTests.rich
  static let plain = PodRedirectTests.plain

  /// Remembers what a back end notes.
  private final class Notes: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    func takeAll() -> [String] {
      lines.withLock { lines in
        defer { lines = [] }
        return lines
      }
    }
  }

  /// A folder with programs of a test's own.
  private struct FakePrograms: ~Copyable {
    let path: String
    private let names: [String]

    /// - Parameter scripts: what the shell is to do, by the program's name.
    init(_ scripts: [String: String]) throws {
      path = "/tmp/iptables-tests-\(UInt32.random(in: 0...UInt32.max))"
      names = Array(scripts.keys)
      try makeFolder(path)
      for (name, script) in scripts {
        try AtomicFile.write(Array("#!/bin/sh\n\(script)\n".utf8), to: "\(path)/\(name)", mode: 0o755)
      }
    }

    deinit {
      for name in names + names.map({ "\($0).seen" }) { unlink("\(path)/\(name)") }
      rmdir(path)
    }
  }

  // MARK: The flavour

  private static let theirs = "*filter\n-A INPUT -p tcp -m tcp --dport 3 -j DROP\nCOMMIT\n"

  @Test("without anybody's rules it is nft, and it stays so when others use legacy")
  func nftStays() throws {
    let pod = try NetworkNamespace.create()
    let notes = Notes()
    let backend = IptablesBackend(folders: [], note: notes.add)
    try backend.apply(Self.plain, in: pod)
    #expect(notes.takeAll() == ["iptables-nft: its programs work"])
    _ = try pod.iptables(IptablesFlavour.legacy.path(.v4, "restore"), ["--noflush"], input: Self.theirs)
    try backend.apply(Self.rich, in: pod)
    #expect(notes.takeAll() == ["iptables-nft: our chains are there already"])
    #expect(try pod.rules(.legacy) == ["IPv4 filter -A INPUT -p tcp -m tcp --dport 3 -j DROP"])
    #expect(try backend.drift(from: Self.rich, in: pod) == [])
  }

  @Test("where others use legacy it is legacy, and it stays so when they stop", arguments: IPFamily.allCases)
  func legacyStays(_ family: IPFamily) throws {
    let pod = try NetworkNamespace.create()
    let notes = Notes()
    let backend = IptablesBackend(folders: [], note: notes.add)
    _ = try pod.iptables(IptablesFlavour.legacy.path(family, "restore"), ["--noflush"], input: Self.theirs)
    try backend.apply(Self.plain, in: pod)
    #expect(notes.takeAll() == ["iptables-legacy: others have rules there"])
    _ = try pod.iptables(IptablesFlavour.legacy.path(family, ""), ["-F", "INPUT"])
    try backend.apply(Self.rich, in: pod)
    #expect(notes.takeAll() == ["iptables-legacy: our chains are there already"])
    #expect(try pod.rules(.nft) == [])
    #expect(try backend.drift(from: Self.rich, in: pod) == [])
  }

  @Test("looking makes no table, so that it changes no later choice")
  func noTrace() throws {
    let pod = try NetworkNamespace.create()
    let backend = IptablesBackend(folders: [])
    #expect(try backend.drift(from: Self.plain, in: pod).isEmpty == false)
    try backend.remove(from: pod)
    for file in ["ip_tables_names", "ip6_tables_names"] {
      let path = "/proc/thread-self/net/\(file)"
      #expect(try pod.run { () throws(SystemError) in try readFile(path, limit: 1 << 10) } == [])
    }
    #expect(try pod.run("/usr/sbin/nft", ["list", "ruleset"]) == "")
  }

  @Test("a second set of ours in the other flavour is drift, and goes")
  func strays() throws {
    let pod = try NetworkNamespace.create()
    for flavour in IptablesFlavour.allCases {
      try IptablesBackend(folders: [], flavour: flavour).apply(Self.plain, in: pod)
    }
    let backend = IptablesBackend(folders: [])
    #expect(try backend.drift(from: Self.plain, in: pod).map(\.description) == ["extra: chains of iptables-legacy"])
    try backend.apply(Self.plain, in: pod)
    #expect(try backend.drift(from: Self.plain, in: pod) == [])
    #expect(try pod.rules(.legacy) == [])
  }

  // MARK: Failures

  @Test(
    "a refused IPv6 leaves IPv4 as it was", arguments: IptablesFlavour.allCases, [Ruleset(), plain])
  func refusedIPv6(_ flavour: IptablesFlavour, _ earlier: Ruleset) throws {
    let pod = try NetworkNamespace.create()
    try IptablesBackend(folders: [], flavour: flavour).apply(earlier, in: pod)
    let before = try pod.rules(flavour)
    let programs = try FakePrograms([
      "ip6tables-\(flavour.rawValue)-restore": "cat > /dev/null; echo not today >&2; exit 3"
    ])
    let backend = IptablesBackend(folders: [programs.path], flavour: flavour)
    #expect(
      throws: NetfilterError(
        .program, "ip6\(flavour.description.dropFirst(2))-restore exited with 3: not today",
        outcome: "what was applied before that was undone")
    ) { try backend.apply(Self.rich, in: pod) }
    #expect(try pod.rules(flavour) == before)
  }

  @Test(
    "a refused table leaves those before it as they were", arguments: IptablesFlavour.allCases, [Ruleset(), plain])
  func refusedTable(_ flavour: IptablesFlavour, _ earlier: Ruleset) throws {
    let pod = try NetworkNamespace.create()
    try IptablesBackend(folders: [], flavour: flavour).apply(earlier, in: pod)
    let before = try pod.rules(flavour)
    let real = flavour.path(.v4, "restore")
    let programs = try FakePrograms([
      "\(flavour)-restore": #"sed '/^\*nat/,$s/-j REDIRECT/-j NOSUCH/' | \#(real) --noflush"#
    ])
    let error = #expect(throws: NetfilterError.self) {
      try IptablesBackend(folders: [programs.path], flavour: flavour).apply(Self.rich, in: pod)
    }
    #expect(error?.outcome == "what was applied before that was undone")
    #expect(error?.cause.contains("--to-ports") == true)
    #expect(try pod.rules(flavour) == before)
  }

  @Test("what cannot be undone is said", arguments: IptablesFlavour.allCases)
  func undoingFails(_ flavour: IptablesFlavour) throws {
    let pod = try NetworkNamespace.create()
    let programs = try FakePrograms([
      "ip6tables-\(flavour.rawValue)-restore": "cat > /dev/null; kill -9 $$",
      "\(flavour)-restore": "test -e $0.seen && { echo gone >&2; exit 1; }; touch $0.seen; "
        + "exec \(flavour.path(.v4, "restore")) --noflush",
    ])
    let error = #expect(throws: NetfilterError.self) {
      try IptablesBackend(folders: [programs.path], flavour: flavour).apply(Self.rich, in: pod)
    }
    #expect(error?.cause == "ip6\(flavour.description.dropFirst(2))-restore was ended by signal 9")
    #expect(
      error?.outcome
        == "a part of the rules was applied, and undoing it failed (IPv4: \(flavour)-restore exited with 1: gone)")
  }

  @Test("a program that does not end is an error, and so is one that prints nonsense")
  func badPrograms() throws {
    let pod = try NetworkNamespace.create()
    let slow = try FakePrograms(["iptables-nft-save": "exec sleep 60"])
    #expect(throws: NetfilterError(.program, "iptables-nft-save did not end within 0.3 seconds")) {
      try IptablesBackend(folders: [slow.path], timeLimit: .milliseconds(300)).apply(Self.plain, in: pod)
    }
    let odd = try FakePrograms(["iptables-nft-save": "echo hello"])
    #expect(throws: NetfilterError(.program, "iptables-nft-save printed what cannot be read: \"hello\"")) {
      try IptablesBackend(folders: [odd.path]).apply(Self.plain, in: pod)
    }
    #expect(try IptablesFlavour.allCases.flatMap { try pod.rules($0) } == [])
  }

  @Test("removing goes on after a failure, and says that something may be left", arguments: IptablesFlavour.allCases)
  func removalFails(_ flavour: IptablesFlavour) throws {
    let pod = try NetworkNamespace.create()
    try IptablesBackend(folders: [], flavour: flavour).apply(Self.plain, in: pod)
    let before = try pod.rules(flavour, .v4)
    let programs = try FakePrograms(["\(flavour)-restore": "exit 1"])
    #expect(
      throws: NetfilterError(
        .program, "\(flavour)-restore exited with 1", outcome: "a part of the rules may be left")
    ) { try IptablesBackend(folders: [programs.path], flavour: flavour).remove(from: pod) }
    #expect(try pod.rules(flavour, .v4) == before)
    #expect(try pod.rules(flavour, .v6) == [])
  }

  @Test("programs that are not there are missed by name")
  func missingPrograms() throws {
    let pod = try NetworkNamespace.create()
    #expect(throws: NetfilterError(.program, "no iptables-save and iptables-restore in /nowhere")) {
      try IptablesBackend(folders: ["nowhere", "/nowhere"], usualFolders: []).apply(Self.plain, in: pod)
    }
    let onlyIPv4 = try FakePrograms(
      ["save", "restore"].reduce(into: [:]) { scripts, name in
        scripts["iptables-nft-\(name)"] = "exec \(IptablesFlavour.nft.path(.v4, name)) $*"
      })
    let backend = IptablesBackend(folders: [onlyIPv4.path], usualFolders: [])
    #expect(throws: NetfilterError(.program, "there are no programs for IPv6 beside iptables-nft")) {
      try backend.apply(Self.plain, in: pod)
    }
    let withoutIPv6 = Ruleset(Configuration.standard, hasIPv6: false)
    try backend.apply(withoutIPv6, in: pod)
    #expect(try backend.drift(from: withoutIPv6, in: pod) == [])
  }

  @Test("a pod without IPv6 does without rules for it, and has not drifted then")
  func withoutIPv6() throws {
    let pod = try NetworkNamespace.create()
    let ruleset = Ruleset(Configuration.standard, hasIPv6: false)
    let refusing = try FakePrograms(["ip6tables-nft-restore": "cat > /dev/null; exit 1"])
    let missing = try FakePrograms(["ip6tables-nft-save": "echo no such kernel >&2; exit 1"])
    let notes = Notes()
    for (path, note) in [
      (refusing.path, "IPv6 is left out: ip6tables-nft-restore exited with 1"),
      (missing.path, "IPv6 is left out: ip6tables-nft-save exited with 1: no such kernel"),
    ] {
      let backend = IptablesBackend(folders: [path], flavour: .nft, note: notes.add)
      try backend.apply(ruleset, in: pod)
      #expect(notes.takeAll().last == note)
      #expect(try backend.drift(from: ruleset, in: pod) == [])
      #expect(try pod.rules(.nft, .v6) == [])
    }
    // An address that nobody told us of is seen.
    _ = try pod.run("/usr/sbin/ip", ["link", "add", "eth0", "type", "veth", "peer", "name", "peer0"])
    _ = try pod.run("/usr/sbin/ip", ["address", "add", "fd00:9::2/64", "dev", "eth0", "nodad"])
    let backend = IptablesBackend(folders: [missing.path], flavour: .nft)
    #expect(throws: NetfilterError(.program, "ip6tables-nft-save exited with 1: no such kernel")) {
      try backend.apply(ruleset, in: pod)
    }
  }

  @Test("programs run in the pod, without our environment and without asking anybody for names")
  func sandbox() throws {
    let pod = try NetworkNamespace.create()
    let programs = try FakePrograms([
      "iptables-nft-save": """
      { readlink /proc/self/ns/net; wc -c < /etc/nsswitch.conf; tr '\\0' '\\n' < /proc/$$/environ; } > $0.seen
      """
    ])
    _ = try IptablesBackend(folders: [programs.path], flavour: .nft).drift(from: Self.plain, in: pod)
    let seen = try readFile("\(programs.path)/iptables-nft-save.seen", limit: 1 << 12)
    #expect(
      String(decoding: seen, as: UTF8.self).split(separator: "\n") == [
        "net:[\(pod.identity.inode)]", "0", "PATH=\(programs.path):/usr/sbin:/sbin:/usr/bin:/bin",
        "XTABLES_LOCKFILE=/proc/self/ns/net",
      ])
  }

  @Test("in a namespace of another user namespace the refusal is explained", arguments: IptablesFlavour.allCases)
  func otherUsers(_ flavour: IptablesFlavour) throws {
    let own = try NetworkNamespace.current().identity
    let child = try Child.spawn(
      "/usr/bin/unshare", arguments: ["--user", "--map-root-user", "--net", "/bin/sleep", "60"], environment: [:])
    defer { try? child.kill(SIGKILL) }
    let deadline = ContinuousClock.now + .seconds(10)
    var pod = try NetworkNamespace.open("/proc/\(child.pid)/ns/net")
    while pod.identity == own, ContinuousClock.now < deadline {
      pod = try NetworkNamespace.open("/proc/\(child.pid)/ns/net")
    }
    let error = #expect(throws: NetfilterError.self) {
      try IptablesBackend(folders: [], flavour: flavour).apply(Self.rich, in: pod)
    }
    #expect(
      error?.cause.hasSuffix(
        "; the namespace belongs to another user namespace, from outside of which the kernel refuses owner matches")
        == true)
    let refused = flavour == .legacy ? "(table raw)" : "(-A ISTIO_CNI_RAW_OUTPUT -p udp"
    #expect(error?.cause.contains(refused) == true)
    #expect(error?.outcome == "no rule was applied")
    #expect(try pod.rules(flavour) == [])
  }
}
