import Redirect
import Testing

@testable import Netfilter

@Suite struct IptablesDriftTests {
  private static let wanted = IptablesSnapshot(IptablesScriptTests.plain, .v4)

  /// What is seen after a change.
  private static func differences(_ change: (inout IptablesTable) -> Void) -> [String] {
    var found = wanted
    change(&found.tables["nat", default: IptablesTable()])
    return found.differences(from: wanted, .v4).map(\.description)
  }

  @Test("what is as wanted has none, and other people's rules count for none")
  func none() {
    #expect(Self.differences { _ in }.isEmpty)
    let theirs = Self.differences { table in
      table.chains["OUTPUT"]?.insert(IptablesRule("-p tcp -j THEIRS"), at: 0)
      table.chains["THEIRS"] = []
    }
    #expect(theirs.isEmpty)
  }

  @Test("rules")
  func rules() {
    let chain = "ISTIO_CNI_PROXY_OUTPUT"
    let hbone = "HBONE tunnel to the own pod: the proxy listens itself"
    #expect(
      Self.differences { $0.chains[chain]?.removeFirst() } == [
        "missing: rule 1 of IPv4 nat chain \(chain) (\(hbone))"
      ])
    #expect(
      Self.differences { $0.chains[chain]?.append(IptablesRule("-j RETURN")) } == [
        "extra: rule 3 of IPv4 nat chain \(chain)"
      ])
    #expect(
      Self.differences { $0.chains[chain]?[0] = IptablesRule("-p tcp -j ACCEPT") } == [
        "changed: rule 1 of IPv4 nat chain \(chain) (\(hbone))"
      ])
    #expect(
      Self.differences { $0.chains[chain]?.swapAt(0, 1) }.map { $0.prefix { $0 != ":" } } == ["reordered"])
  }

  @Test("chains")
  func chains() {
    #expect(
      Self.differences { $0.chains["ISTIO_CNI_OUTBOUND"] = nil } == ["missing: IPv4 nat chain ISTIO_CNI_OUTBOUND"])
    #expect(Self.differences { $0.chains["ISTIO_CNI_X"] = [] } == ["extra: IPv4 nat chain ISTIO_CNI_X"])
  }

  @Test("jumps")
  func jumps() {
    let jump = "rule of IPv4 nat chain OUTPUT (-j ISTIO_CNI_NAT_OUTPUT)"
    #expect(Self.differences { $0.chains["OUTPUT"] = [] } == ["missing: \(jump)"])
    #expect(
      Self.differences { $0.chains["OUTPUT"]?.append(IptablesRule("-j ISTIO_CNI_NAT_OUTPUT")) } == ["extra: \(jump)"])
    #expect(
      Self.differences { $0.chains["OUTPUT"] = [IptablesRule("-p tcp -j ISTIO_CNI_NAT_OUTPUT")] } == [
        "missing: \(jump)", "extra: rule of IPv4 nat chain OUTPUT (-p tcp -j ISTIO_CNI_NAT_OUTPUT)",
      ])
  }

  @Test("a table that is not there lacks all of it")
  func table() {
    let found = IptablesSnapshot().differences(from: Self.wanted, .v4)
    #expect(found.count == Self.wanted.tables.values.reduce(0) { $0 + $1.chains.count })
    #expect(found.allSatisfy { $0.kind == .missing })
  }
}
