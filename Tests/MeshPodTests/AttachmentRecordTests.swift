import JSON
import MeshPod
import Netfilter
import Redirect
import Testing
import TruthTables

@Suite struct AttachmentRecordTests {
  @Test("where the pod is comes back as it went, and a record of a version that did not say is readable")
  func place() throws {
    let policy = Configuration.standard
    let record = AttachmentRecord(
      Self.pod, policy, hasIPv6: true, Ruleset(policy, hasIPv6: true), NftablesBackend(),
      namespacePath: "/var/run/netns/cni-1", addresses: ["10.88.0.2", "fd00::2"])
    let bytes = record.serialized()
    #expect(AttachmentRecord(parsing: bytes) == record)
    var older = try #require(try JSONValue(parsing: bytes).object)
    older["netns"] = nil
    older["addresses"] = nil
    let read = try #require(AttachmentRecord(parsing: JSONValue.object(older).serialized()))
    #expect(read == Self.record())
    #expect(read.namespacePath == nil)
    let other = record.withAddresses(["10.88.0.3"])
    #expect(other.addresses == ["10.88.0.3"])
    #expect(other.withAddresses(record.addresses) == record)
  }

  static let pod = PodName(namespace: "shop", name: "cart", uid: "7f3c")

  static func record(_ policy: Policy = Configuration.standard, hasIPv6: Bool = true) -> AttachmentRecord {
    AttachmentRecord(pod, policy, hasIPv6: hasIPv6, Ruleset(policy, hasIPv6: hasIPv6), NftablesBackend())
  }

  @Test("any policy comes back as it went, with what is made of it", arguments: 0..<8 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<50 {
      var policy = Configuration.random(using: &random).policy
      if random.chance(2) {
        let ports = [UInt16.min, .max, 53, 15001].map { Port($0) }
        policy.ports.outbound = ports.randomElement(using: &random) ?? Port(1)
        policy.ports.inbound = ports.randomElement(using: &random) ?? Port(1)
        policy.ports.tunnel = ports.randomElement(using: &random) ?? Port(1)
        policy.ports.dns = ports.randomElement(using: &random) ?? Port(1)
        policy.ports.health = PortSet(random.some(ports).map { $0...$0 })
        policy.proxyUser = UserID(.max)
        policy.proxyGroup = GroupID(.max)
      }
      let record = Self.record(policy, hasIPv6: random.chance(2))
      let again = try #require(AttachmentRecord(parsing: record.serialized()))
      #expect(again == record)
      #expect(again.policy == policy)
      #expect(Ruleset(again.policy, hasIPv6: again.hasIPv6) == Ruleset(policy, hasIPv6: record.hasIPv6))
    }
  }

  @Test("a record tells the pod, the back end, and the rules by a digest and the chains' names")
  func content() throws {
    let json = try JSONValue(parsing: Self.record().serialized())
    #expect(json["format"] == 1)
    #expect(json["pod"] == ["namespace": "shop", "name": "cart", "uid": "7f3c"])
    #expect(json["backend"] == "nftables")
    let ruleset = Ruleset(Configuration.standard, hasIPv6: true)
    #expect(json["digest"]?.string == ruleset.digest)
    #expect(json["chains"]?.array?.compactMap(\.string) == ruleset.chains.map(\.name))
  }

  @Test("without any one of its parts it is no record, nor is a part of it")
  func damaged() throws {
    let bytes = Self.record().serialized()
    let whole = try #require(try JSONValue(parsing: bytes).object)
    for key in whole.keys {
      var object = whole
      object[key] = nil
      #expect(AttachmentRecord(parsing: JSONValue.object(object).serialized()) == nil, "without \(key)")
    }
    let policy = try #require(whole["policy"]?.object)
    for key in policy.keys {
      for value in [nil, .null, -1, "x", ["x"], [[1]], [[2, 1]], ["only": [-1]], ["except": ["x"]]] as [JSONValue?] {
        var damaged = policy
        damaged[key] = value
        // The one list of any text.
        if key.hasSuffix("Interfaces"), value == ["x"] { continue }
        #expect(Policy(json: .object(damaged)) == nil, "\(key): \(value?.text() ?? "nothing")")
      }
    }
    for count in 0..<bytes.count - 1 { #expect(AttachmentRecord(parsing: Array(bytes[..<count])) == nil) }
    var later = whole
    later["format"] = 2
    #expect(AttachmentRecord(parsing: JSONValue.object(later).serialized()) == nil)
  }
}
