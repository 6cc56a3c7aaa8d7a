import CLinux
import Netfilter
import Netlink
import Redirect
import System
import SystemPackage
import Testing

@Suite struct BackendSelectionTests {
  /// A back end in a kernel of its own making.
  struct FakeBackend: Backend {
    let name: String
    var missing: NetlinkError?
    var failure: NetfilterError?

    func refusal(in namespace: borrowing NetworkNamespace) throws(NetfilterError) -> NetlinkError? { missing }
    func apply(_ ruleset: Ruleset, in namespace: borrowing NetworkNamespace) throws(NetfilterError) {
      if let failure { throw failure }
    }
    func remove(from namespace: borrowing NetworkNamespace) throws(NetfilterError) {}
    func drift(
      from ruleset: Ruleset, in namespace: borrowing NetworkNamespace
    ) throws(NetfilterError) -> [Difference] { [] }
  }

  static let noChain = NetlinkError(.kernel, operation: "netlink", object: "chain nat-output", errno: .notSupported)
  static let badRule = NetlinkError(
    .kernel, operation: "netlink", object: "rule 7 of 12", errno: .noSuchFileOrDirectory)

  static func attempt(
    _ preference: BackendSelection.Preference, nftables: FakeBackend,
    iptables: FakeBackend = FakeBackend(name: "iptables")
  ) throws(NetfilterError) -> [String] {
    let selection = BackendSelection(preference, nftables: nftables, iptables: iptables)
    let namespace: NetworkNamespace
    do throws(SystemError) {
      namespace = try NetworkNamespace.current()
    } catch {
      throw NetfilterError(error)
    }
    var tried: [String] = []
    let choice = try selection.attempt(in: namespace) { (backend, namespace) throws(NetfilterError) in
      tried.append(backend.name)
      try backend.apply(Ruleset(), in: namespace)
    }
    return tried + [choice.reason]
  }

  @Test("where the kernel can, nf_tables is used, and nobody else is asked")
  func usual() throws {
    #expect(try Self.attempt(.auto, nftables: FakeBackend(name: "nftables")) == ["nftables", "the kernel can"])
  }

  @Test("where the kernel makes no NAT chain for both families, iptables is used, and the reason is kept")
  func fallback() throws {
    let nftables = FakeBackend(
      name: "nftables", missing: Self.noChain, failure: NetfilterError(Self.noChain))
    #expect(
      try Self.attempt(.auto, nftables: nftables) == [
        "nftables", "iptables", "the kernel refused nf_tables: chain nat-output = EOPNOTSUPP (95)",
      ])
  }

  @Test("another refusal is no reason to change: the kernel can, and the rules are wrong")
  func otherFailure() {
    let nftables = FakeBackend(name: "nftables", failure: NetfilterError(Self.badRule))
    let error = #expect(throws: NetfilterError.self) { try Self.attempt(.auto, nftables: nftables) }
    #expect(error?.description == "rule 7 of 12 = ENOENT (2); no rule was applied")
  }

  @Test("what is configured is used, and its failure is final")
  func configured() throws {
    let broken = FakeBackend(name: "nftables", missing: Self.noChain, failure: NetfilterError(Self.noChain))
    #expect(throws: NetfilterError.self) { try Self.attempt(.nftables, nftables: broken) }
    #expect(try Self.attempt(.iptables, nftables: broken) == ["iptables", "configured"])
  }
}
