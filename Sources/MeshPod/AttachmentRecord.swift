import CNI
import JSON
package import Netfilter
package import Redirect

/// What an ADD did to a pod, as far as a later CHECK needs to know: pods' annotations and the configuration change at run
/// time, and change nothing about what is right for a pod that runs.
package struct AttachmentRecord: Sendable, Equatable {
  package let pod: PodName
  /// Where the runtime had bound the pod's namespace, `CNI_NETNS`; nil in records of versions before 0.6.
  package let namespacePath: String?
  /// The pod's addresses by the result of the chain, without their prefix lengths; empty as above.
  package private(set) var addresses: [String]
  /// The back end's name: `nftables`, `iptables`.
  package let backend: String
  /// Whether the result of the chain had an IPv6 address.
  package let hasIPv6: Bool
  package let policy: Policy
  /// Of the rules that the ADD's version of this program made of the policy.
  package let digest: String
  /// The names of the chains among them.
  package let chainNames: [String]

  /// Raised whenever an older version would read a record wrongly.
  private static let format = 1

  /// - Parameters:
  ///   - ruleset: what is made of `policy` and `hasIPv6`.
  ///   - backend: what it is applied with.
  package init(
    _ pod: PodName, _ policy: Policy, hasIPv6: Bool, _ ruleset: Ruleset, _ backend: any Backend,
    namespacePath: String? = nil, addresses: [String] = []
  ) {
    self.pod = pod
    self.namespacePath = namespacePath
    self.addresses = addresses
    self.backend = backend.name
    self.hasIPv6 = hasIPv6
    self.policy = policy
    digest = ruleset.digest
    chainNames = ruleset.chains.map(\.name)
  }

  /// The same of another attachment of the pod, with addresses of its own.
  package func withAddresses(_ addresses: [String]) -> AttachmentRecord {
    var record = self
    record.addresses = addresses
    return record
  }

  /// The record as one JSON object.
  package func serialized() -> [UInt8] {
    var object: JSONObject = [
      "format": .number(JSONNumber(Self.format)),
      "pod": ["namespace": .string(pod.namespace), "name": .string(pod.name), "uid": .string(pod.uid)],
      "backend": .string(backend),
      "hasIPv6": .bool(hasIPv6),
      "digest": .string(digest),
      "chains": .array(chainNames.map { .string($0) }),
      "policy": policy.json,
    ]
    object["netns"] = namespacePath.map { .string($0) }
    if !addresses.isEmpty { object["addresses"] = .array(addresses.map { .string($0) }) }
    return JSONValue.object(object).serialized() + [UInt8(ascii: "\n")]
  }

  /// Nil for anything that `serialized` does not make, such as what a process that was killed has left.
  package init?(parsing bytes: [UInt8]) {
    // What is wrong with it does not matter.
    guard let value = try? JSONValue(parsing: bytes), value["format"]?.int == Self.format,
      let namespace = value["pod"]?["namespace"]?.string, let name = value["pod"]?["name"]?.string,
      let uid = value["pod"]?["uid"]?.string, let backend = value["backend"]?.string,
      let hasIPv6 = value["hasIPv6"]?.bool, let digest = value["digest"]?.string,
      let chainNames = value["chains"]?.strings, let policy = value["policy"].flatMap({ Policy(json: $0) })
    else { return nil }
    pod = PodName(namespace: namespace, name: name, uid: uid)
    namespacePath = value["netns"]?.string
    addresses = value["addresses"]?.strings ?? []
    self.backend = backend
    self.hasIPv6 = hasIPv6
    self.digest = digest
    self.chainNames = chainNames
    self.policy = policy
  }
}
