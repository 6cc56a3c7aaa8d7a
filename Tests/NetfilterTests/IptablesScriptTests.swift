import Redirect
import Testing

@testable import Netfilter

@Suite struct IptablesScriptTests {
  static let full = Ruleset(
    Policy(
      mode: .tproxy, inbound: .all(except: PortSet(Port(15020))), outbound: .all, reroutedInterfaces: ["eth1"],
      dns: .all), hasIPv6: true)
  static let plain = Ruleset(Policy(inbound: .all(except: PortSet(Port(15020))), outbound: .all), hasIPv6: true)

  /// What a script makes of tables, by the rules of `iptables-restore --noflush`.
  static func run(_ script: String?, on tables: IptablesSnapshot) throws -> IptablesSnapshot {
    var result = tables
    var open = ""
    for line in (script ?? "").split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 2).map { String($0) }
      var chains = result.tables[open]?.chains ?? [:]
      switch words[0] {
      case "COMMIT": continue
      case "-F": chains[words[1]] = []
      case "-X":
        #expect(chains[words[1]] == [])
        #expect(!chains.values.joined().contains { $0.target == words[1] })
        chains[words[1]] = nil
      case "-A": chains[words[1], default: []].append(IptablesRule(words[2]))
      case "-D":
        let index = try #require(chains[words[1]]?.firstIndex { $0.text == words[2] })
        chains[words[1]]?.remove(at: index)
      case "-I":
        let rest = words[2].split(separator: " ", maxSplits: 1).map { String($0) }
        chains[words[1], default: []].insert(IptablesRule(rest[1]), at: try #require(Int(rest[0])) - 1)
      case let word where word.hasPrefix("*"):
        open = String(word.dropFirst())
        chains = result.tables[open]?.chains ?? [:]
      case let word where word.hasPrefix(":"): chains[String(word.dropFirst())] = []
      default: Issue.record("what is \(line)?")
      }
      result.tables[open, default: IptablesTable()].chains = chains
    }
    return result
  }

  static func wanted(_ ruleset: Ruleset) -> IptablesSnapshot { IptablesSnapshot(ruleset, .v4) }

  @Test("what is as wanted is not touched")
  func unchanged() {
    #expect(Self.wanted(Self.full).script(to: Self.wanted(Self.full)) == nil)
    #expect(IptablesSnapshot().script(to: IptablesSnapshot()) == nil)
  }

  @Test("a table that is as wanted is left out")
  func oneTable() throws {
    var found = Self.wanted(Self.full)
    found.tables["mangle"]?.chains["ISTIO_CNI_TRANSPARENT"]?.removeLast()
    let script = try #require(found.script(to: Self.wanted(Self.full)))
    #expect(script.split(separator: "\n").filter { $0.hasPrefix("*") } == ["*mangle"])
  }

  @Test("from any state to any other", arguments: [full, plain, Ruleset()], [full, plain, Ruleset()])
  func transitions(from: Ruleset, to: Ruleset) throws {
    let found = Self.wanted(from)
    let result = try Self.run(found.script(to: Self.wanted(to)), on: found)
    #expect(result.script(to: Self.wanted(to)) == nil)
    #expect(result.differences(from: Self.wanted(to), .v4).isEmpty)
    #expect(result.hasOurs == !to.chains.isEmpty)
  }

  @Test("the tables come in the order raw, mangle, nat, others between")
  func order() throws {
    var found = IptablesSnapshot()
    found.tables["filter"] = IptablesTable(chains: ["ISTIO_CNI_OLD": []])
    let script = try #require(found.script(to: Self.wanted(Self.full)))
    #expect(script.split(separator: "\n").filter { $0.hasPrefix("*") } == ["*raw", "*mangle", "*filter", "*nat"])
  }

  /// Ours among other people's rules, in disorder.
  static let disorder = #"""
    *nat
    :PREROUTING ACCEPT [0:0]
    :OUTPUT ACCEPT [0:0]
    :THEIRS - [0:0]
    :ISTIO_CNI_NAT_OUTPUT - [0:0]
    :ISTIO_CNI_OLD - [0:0]
    -A OUTPUT -j ISTIO_CNI_NAT_OUTPUT
    -A OUTPUT -p tcp -j THEIRS
    -A OUTPUT -p tcp -j ISTIO_CNI_OLD
    -A OUTPUT -j ISTIO_CNI_NAT_OUTPUT
    -A OUTPUT -p udp -j THEIRS
    -A THEIRS -p tcp -j ISTIO_CNI_OLD
    -A THEIRS -p udp -j RETURN
    -A ISTIO_CNI_OLD -j ISTIO_CNI_NAT_OUTPUT
    COMMIT

    """#

  @Test("stale chains, jumps and second jumps go, and other people's rules stay as they are")
  func disorderly() throws {
    let found = try IptablesSnapshotTests.parse(Self.disorder)
    let result = try Self.run(found.script(to: Self.wanted(Self.plain)), on: found)
    let chains = try #require(result.tables["nat"]?.chains)
    #expect(chains["ISTIO_CNI_OLD"] == nil)
    #expect(chains["THEIRS"]?.map(\.text) == ["-p udp -j RETURN"])
    #expect(chains["OUTPUT"]?.map(\.text) == ["-p tcp -j THEIRS", "-j ISTIO_CNI_NAT_OUTPUT", "-p udp -j THEIRS"])
    #expect(result.script(to: Self.wanted(Self.plain)) == nil)
  }

  @Test("a jump that is there stays in its place")
  func place() throws {
    let found = try IptablesSnapshotTests.parse(
      "*nat\n:OUTPUT ACCEPT [0:0]\n:ISTIO_CNI_NAT_OUTPUT - [0:0]\n-A OUTPUT -j ISTIO_CNI_NAT_OUTPUT\n"
        + "-A OUTPUT -p tcp -j ACCEPT\nCOMMIT\n")
    let script = try #require(found.script(to: Self.wanted(Self.plain)))
    #expect(!script.split(separator: "\n").contains { $0.contains(" OUTPUT ") })
  }

  @Test("a state that was read comes back with each jump in its place")
  func undo() throws {
    let before = try IptablesSnapshotTests.parse(Self.disorder)
    let after = try Self.run(before.script(to: Self.wanted(Self.full)), on: before)
    let undone = try Self.run(after.script(to: before), on: after)
    #expect(undone.tables["nat"] == before.tables["nat"])
    #expect(undone.script(to: before) == nil)
  }

  @Test("a place that is no longer there is the end of the chain")
  func lostPlace() throws {
    let before = try IptablesSnapshotTests.parse(Self.disorder)
    let script = try #require(IptablesSnapshot().script(to: before))
    #expect(script.contains("-I OUTPUT 1 -j ISTIO_CNI_NAT_OUTPUT\n"))
    #expect(script.contains("-A OUTPUT -p tcp -j ISTIO_CNI_OLD\n"))
  }
}
