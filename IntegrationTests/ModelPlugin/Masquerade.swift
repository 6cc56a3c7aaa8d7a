import CNI
import FaultTable
import Glibc
import JSON

/// Rules on the node by which a container speaks to the world under the node's address: one table an attachment, so
/// that none is shared with another.
struct Masquerade {
  private let table: String

  init(_ key: AttachmentKey) {
    let digits = fault == .sharesMasqueradeBetweenInterfaces ? AttachmentKey.digits(key.containerID) : key.digits
    table = "inet model-main-\(digits)"
  }

  /// - Returns: the table as the kernel has it.
  func apply(_ addresses: [IPPrefix], environment: [String: String]) throws(Failure) -> String {
    let rules = addresses.map { address in
      let family = address.family
      return "    \(family) saddr \(address.address) \(family) daddr != \(address.with(address.network)) masquerade\n"
    }
    return try Nftables(environment).replace(
      table,
      "  chain postrouting {\n    type nat hook postrouting priority 100\n" + rules.joined() + "  }\n",
      in: try nodeNamespace())
  }

  func remove(_ state: JSONObject, environment: [String: String]) throws(Failure) {
    waitForOrphans(of: state)
    if fault == .flushesAllRulesOnDelete {
      try Nftables(environment).flush(in: try nodeNamespace())
    } else {
      try Nftables(environment).remove(table, from: try nodeNamespace())
    }
  }

  func compare(_ rules: String, environment: [String: String]) throws(Failure) {
    guard try Nftables(environment).read(table, in: try nodeNamespace()) == rules else {
      throw Failure(code: .broken, message: "CHECK of table \(table): it is not as ADD made it")
    }
  }
}

/// An ADD that was killed may have left a program at work that is about to set rules; it has milliseconds to do.
func waitForOrphans(of state: JSONObject) {
  if state["finished"] != true { usleep(100_000) }
}
