import CNI
import FaultTable
import JSON

/// The plugin that gives addresses out: a file for each address that is in use.
struct IPAM: Role {
  let request: Request

  init(_ request: Request) {
    self.request = request
  }

  private var options: JSONObject { request.configuration.object["ipam"]?.object ?? [:] }

  private func leases() throws(Failure) -> LeaseFolder {
    let configured = options["dataDir"]?.string
    let folder = if let configured { configured } else { try request.dataFolder() }
    let name = fault == .ignoresTheNetwork ? "leases" : request.configuration.name
    // A file system has no longer names than this.
    return LeaseFolder(path: "\(folder)/\(name.utf8.count <= 255 ? name : AttachmentKey.digits(name))")
  }

  func add() throws(Failure) -> JSONObject {
    let ranges = try AddressRange.sets(in: options)
    let requests = try requestedAddresses(ranges)
    let leases = try leases()
    let addresses =
      try leases.locked(creating: true) { () throws(Failure) in
        try leases.take(from: ranges, requests, for: request.key.attachment)
      } ?? []
    let ips = addresses.map { taken -> JSONValue in
      ["address": .string("\(taken.address)"), "gateway": .string(taken.gateway.address)]
    }
    var result: JSONObject = ["ips": .array(ips)]
    if let routes = options["routes"], routes != .null { result["routes"] = routes }
    result["dns"] = options["dns"] ?? [:]
    let version = request.configuration.version
    do throws(Failure) {
      return try AttachmentResult(previous: result, version: .v1_1_0).rendered(as: version)
    } catch {
      try leases.release { owner, _ in owner == request.key.attachment }
      throw error
    }
  }

  /// The addresses that are asked for by name; the first way of asking counts.
  private func requestedAddresses(_ ranges: [[AddressRange]]) throws(Failure) -> [IPPrefix] {
    let asked = request.requested("ips", argument: "IP")
    let texts =
      asked?.string.map { $0.split(separator: ",").map(String.init) } ?? asked?.array?.compactMap(\.string) ?? []
    let addresses = texts.compactMap { IPPrefix($0) }
    guard addresses.count == texts.count,
      addresses.allSatisfy({ address in
        ranges.contains { $0.contains { $0.isUsable(address.value, isIPv6: address.isIPv6) } }
      })
    else {
      throw Failure(
        code: .invalidConfiguration, message: "cannot give out the requested addresses: not all are in a range")
    }
    return addresses
  }

  func delete() throws(Failure) {
    _ = try request.remainingNamespace()
    let leases = try leases()
    let own = request.key.attachment
    let ranges = try fault == .deletesWithinTodaysRanges ? AddressRange.sets(in: options).flatMap { $0 } : []
    try leases.locked(creating: false) { () throws(Failure) in
      try leases.release { owner, address in
        switch fault {
        case .matchesPrefixes: owner.containerID.hasPrefix(own.containerID)
        case .ignoresTheNetwork: owner.containerID == own.containerID
        case .deletesWithinTodaysRanges: owner == own && ranges.contains { $0.contains(address) }
        default: owner == own
        }
      }
    }
  }

  func check() throws(Failure) {
    let ranges = try AddressRange.sets(in: options)
    let held = try leases().all().filter { $0.owner == request.key.attachment }
    for range in ranges where !held.contains(where: { lease in range.contains { $0.contains(lease.address) } }) {
      throw Failure(code: .broken, message: "CHECK of \(request.key.interface): a lease is gone")
    }
  }

  func collect(valid: Set<Attachment>?) throws(Failure) {
    guard let valid else { return }
    let leases = try leases()
    do throws(Failure) {
      try leases.locked(creating: false) { () throws(Failure) in
        try leases.release { owner, _ in !valid.keeps(owner) }
      }
    } catch {
      if fault != .hidesCollectionErrors { throw error }
    }
  }

  func status() throws(Failure) {
    if fault == .overlooksExhaustion { return }
    let taken = Set(try leases().names())
    for set in try AddressRange.sets(in: options) where set.allSatisfy({ $0.firstFree(taken, after: nil) == nil }) {
      throw Failure(
        code: .notAvailable,
        message: "cannot give out addresses: the pool of \(request.configuration.name) is exhausted")
    }
  }
}
