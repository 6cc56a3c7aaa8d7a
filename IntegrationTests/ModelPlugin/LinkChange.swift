import CNI
import FaultTable
import JSON
import Netlink
import System

/// What is changed about an interface that somebody else made.
struct LinkChange {
  private let mtu: Int?
  private let mac: String?

  init(_ request: Request) throws(Failure) {
    mtu = try request.configuration.int("mtu")
    let requested = request.requested("mac", argument: "MAC")
    mac = requested?.string?.lowercased()
    let isAddress =
      mac.map { $0.split(separator: ":").compactMap { UInt8($0, radix: 16) }.count == 6 } ?? (requested == nil)
    guard isAddress, (68...65535).contains(mtu ?? 1500) else {
      throw Failure(code: .invalidConfiguration, message: "cannot use the configured MTU or MAC: out of range")
    }
  }

  /// What the interface is to have.
  var wanted: JSONObject {
    var wanted: JSONObject = [:]
    wanted["mtu"] = mtu.map { .number(JSONNumber($0)) }
    wanted["mac"] = mac.map { .string($0) }
    return wanted
  }

  /// The result with the change in it: in the interface inside the container, not in a namesake on the node.
  func noted(in previous: JSONObject, _ request: Request) -> JSONObject {
    guard let interfaces = previous["interfaces"]?.array else { return previous }
    var result = previous
    result["interfaces"] = .array(
      interfaces.map { element in
        guard var interface = element.object, interface["name"]?.string == request.key.interface,
          interface["sandbox"]?.string?.isEmpty == false || fault == .changesNamesakes
        else { return element }
        if let mac { interface["mac"] = .string(mac) }
        if let mtu { interface["mtu"] = .number(JSONNumber(mtu)) }
        return .object(interface)
      })
    return result
  }

  /// What the interface has now, of what is to be changed.
  func originals(_ request: Request, _ namespace: borrowing NetworkNamespace) throws(Failure) -> JSONObject {
    guard mtu != nil || mac != nil else { return [:] }
    let name = request.key.interface
    let link = try attempting("look at the interface \(name)") {
      try NetlinkSocket.open(.route, in: namespace).link(name)
    }
    guard let link else { throw Failure(code: .refused, message: "cannot change the interface \(name): there is none") }
    var originals: JSONObject = [:]
    if mtu != nil { originals["mtu"] = .number(JSONNumber(link.mtu)) }
    if mac != nil { originals["mac"] = .string(link.mac) }
    return originals
  }

  func apply(_ request: Request, _ namespace: borrowing NetworkNamespace) throws(Failure) {
    try Self.set(wanted, request, namespace)
  }

  /// Gives the interface back what it had; that it is gone is fine.
  static func restore(
    _ originals: JSONObject, _ request: Request, _ namespace: borrowing NetworkNamespace
  ) throws(Failure) {
    try set(originals, request, namespace)
  }

  /// Whether there is an interface to change.
  static func isPossible(_ request: Request, _ namespace: borrowing NetworkNamespace) throws(Failure) -> Bool {
    try attempting("look for the interface") {
      try NetlinkSocket.open(.route, in: namespace).link(request.key.interface) != nil
    }
  }

  static func set(
    _ values: JSONObject, _ request: Request, _ namespace: borrowing NetworkNamespace
  ) throws(Failure) {
    guard !values.isEmpty else { return }
    let name = request.key.interface
    try attempting("change the interface \(name)") {
      let socket = try NetlinkSocket.open(.route, in: namespace)
      guard let link = try socket.link(name) else { return }
      try socket.setLink(link.index, mtu: values["mtu"]?.int, mac: values["mac"]?.string)
    }
  }

  /// Compares the interface with what ADD made of it, or with what the result says that a later plugin did.
  static func compare(
    _ wanted: JSONObject, _ result: JSONObject, _ request: Request, _ namespace: borrowing NetworkNamespace
  ) throws(Failure) {
    guard !wanted.isEmpty else { return }
    let name = request.key.interface
    let listed = (result["interfaces"]?.array ?? []).first {
      $0["name"]?.string == name && $0["sandbox"]?.string?.isEmpty == false
    }
    let link = try attempting("look at the interface \(name)") {
      try NetlinkSocket.open(.route, in: namespace).link(name)
    }
    let mtu = listed?["mtu"]?.int ?? wanted["mtu"]?.int
    let mac = listed?["mac"]?.string ?? wanted["mac"]?.string
    guard let link, wanted["mtu"] == nil || link.mtu == mtu, wanted["mac"] == nil || link.mac == mac?.lowercased()
    else {
      throw Failure(code: .broken, message: "CHECK of \(name): MTU or MAC are not what they were made")
    }
  }
}
