package import Redirect

extension Backend {
  /// A short text that is another one when another version of this program would put other rules into a pod.
  ///
  /// It tells versions apart, not friend from foe: FNV-1a of 64 bits, in hexadecimal digits.
  package func digest(of ruleset: Ruleset) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ bytes: some Sequence<UInt8>) {
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    mix(spelling(of: ruleset))
    for address in ruleset.localAddresses { mix(address.prefix.description.utf8) }
    if let delivery = ruleset.localDelivery { mix("\(delivery.mark) \(delivery.routingTable)".utf8) }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
