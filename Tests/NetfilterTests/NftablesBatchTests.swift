import CLinux
import Netfilter
import Netlink
import Redirect
import Testing

@Suite struct NftablesBatchTests {
  static let policy = Policy(
    inbound: .all(except: PortSet(Port(15020), Port(15021))), outbound: .all,
    excludedOutbound: [CIDR(IPAddress(.v4, 0x0a00_0000), prefixLength: 8)], excludedOutboundPorts: PortSet(Port(5432)))

  /// The attributes of a message behind its four bytes of family header.
  static func attributes(_ message: Message) throws -> [Attribute] {
    try AttributeReader(message.payload[4...]).all()
  }

  static func messages(_ type: nf_tables_msg_types, in batch: [Message]) -> [Message] {
    batch.filter { $0.type == UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue) }
  }

  @Test("one transaction, which begins by replacing the table")
  func frame() {
    let batch = NftablesBatch.replacing(with: Ruleset(Self.policy, hasIPv6: true))
    #expect(batch.first?.type == UInt16(NFNL_MSG_BATCH_BEGIN))
    #expect(batch.last?.type == UInt16(NFNL_MSG_BATCH_END))
    #expect(batch.filter { !$0.wantsAck }.count == 2)
    let kinds = batch[1...3].map { $0.type & 0xff }
    #expect(kinds == [NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWTABLE].map { UInt16($0.rawValue) })
  }

  @Test("a fresh table is made in one transaction too, and only if there is none")
  func fresh() {
    let ruleset = Ruleset(Self.policy, hasIPv6: true)
    let batch = NftablesBatch.creating(ruleset)
    #expect(batch[1].flags & UInt16(NLM_F_EXCL) != 0)
    #expect(Array(batch[2...]) == Array(NftablesBatch.replacing(with: ruleset)[4...]))
  }

  @Test("a rule's label says which of how many it is, and what for")
  func labels() {
    let ruleset = Ruleset(Self.policy, hasIPv6: true)
    let labels = Self.messages(NFT_MSG_NEWRULE, in: NftablesBatch.replacing(with: ruleset)).map(\.label)
    #expect(labels.count == ruleset.ruleCount)
    #expect(labels.first == "rule 1 of \(ruleset.ruleCount) (HBONE tunnel: the proxy listens itself)")
  }

  @Test("a rule carries its comment where nft looks for it")
  func comment() throws {
    let batch = NftablesBatch.replacing(with: Ruleset(Self.policy, hasIPv6: true))
    let rule = try #require(Self.messages(NFT_MSG_NEWRULE, in: batch).first)
    let data = try #require(try Self.attributes(rule).first { $0.type == UInt16(NFTA_RULE_USERDATA.rawValue) })
    let text = Array("HBONE tunnel: the proxy listens itself".utf8) + [0]
    #expect(Array(data.value) == [0, UInt8(text.count)] + text)
  }

  @Test(
    "a range becomes its first key and the key after its last one",
    arguments: [
      ("10.0.0.0/8", ["0a000000", "0b000000"]), ("255.0.0.0/8", ["ff000000"]), ("0.0.0.0/0", ["00000000"]),
      ("192.0.2.1/32", ["c0000201", "c0000202"]),
    ])
  func intervals(prefix: String, keys: [String]) throws {
    let policy = Policy(inbound: .only(PortSet()), outbound: .only([try #require(CIDR(prefix))]))
    let batch = NftablesBatch.replacing(with: Ruleset(policy, hasIPv6: true))
    let message = try #require(Self.messages(NFT_MSG_NEWSETELEM, in: batch).first)
    let list = try #require(
      try Self.attributes(message).first { $0.type == UInt16(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue) })
    let seen = try list.nested().all().map { element in
      let key = try #require(try element.nested().first(UInt16(NFTA_SET_ELEM_KEY.rawValue)))
      let value = try #require(try key.nested().first(UInt16(NFTA_DATA_VALUE.rawValue)))
      return value.value.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
    }
    #expect(seen == keys)
  }

  @Test("elements that no attribute can hold are spread over several messages")
  func chunks() {
    let ports = PortSet(stride(from: UInt16(1), to: 8001, by: 2).map { Port($0)...Port($0) })
    let policy = Policy(inbound: .all(except: ports), outbound: .all)
    let batch = NftablesBatch.replacing(with: Ruleset(policy, hasIPv6: true))
    #expect(Self.messages(NFT_MSG_NEWSETELEM, in: batch).count == 4)
  }

  @Test("the text for nft reads like a rule")
  func text() {
    let text = Ruleset(Self.policy, hasIPv6: true).nftablesText
    for line in [
      "table inet istio-cni {", "type nat hook prerouting priority -100; policy accept;",
      "tcp dport @inbound-excluded-ports return comment \"inbound port excluded\"",
      "ip daddr @outbound-excluded-ipv4 return comment \"IPv4 destination excluded\"",
      "meta skuid 1337 goto proxy-output comment \"the proxy's own traffic, by user\"",
      "elements = { 15020-15021 }", "elements = { 5432 }", "elements = { 10.0.0.0-10.255.255.255 }",
    ] {
      #expect(text.contains(line), "\(line) is missing in \(text)")
    }
  }
}
