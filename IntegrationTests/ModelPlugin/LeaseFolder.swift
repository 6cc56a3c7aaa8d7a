import CLinux
import CNI
import FaultTable
import Glibc
import System
import SystemPackage

/// The leases of one network: a file named after the address, with the container and the interface in it.
struct LeaseFolder {
  let path: String

  struct Lease {
    let address: IPPrefix
    let owner: Attachment
  }

  struct Taken {
    let address: IPPrefix
    let gateway: IPPrefix
  }

  /// Runs `body` while nobody else changes leases of this network.
  ///
  /// - Parameter creating: makes the folder; otherwise there is nothing to do without one, and nil is returned.
  func locked<R>(creating: Bool, _ body: () throws(Failure) -> R) throws(Failure) -> R? {
    if creating { try makeFolders(path) }
    let name = "\(path)/lock"
    if fault == .handsOutTwice { return try body() }
    guard let descriptor = try open(name, creating: creating) else { return nil }
    if fault == .neverTakesOverLocks { return try alone(body) }
    return try descriptor.withRawValue { (_) throws(Failure) in try body() }
  }

  /// Runs `body` unless there is a file that says that somebody is at it.
  private func alone<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    let name = "\(path)/pid"
    guard (try? OwnedDescriptor.open(name, O_RDONLY)) == nil else {
      throw Failure(code: .refused, message: "cannot lock \(name): it exists")
    }
    try write("\(getpid())", to: "pid")
    pause(milliseconds: 50)
    defer { unlink(name) }
    return try body()
  }

  private func open(_ name: String, creating: Bool) throws(Failure) -> OwnedDescriptor? {
    do throws(SystemError) {
      let descriptor = try OwnedDescriptor.open(name, O_RDONLY | O_CREAT, mode: 0o600)
      try lock(descriptor, name)
      return descriptor
    } catch let error where error.errno == .noSuchFileOrDirectory && !creating {
      return nil
    } catch {
      throw Failure(code: .io, message: "cannot lock \(name)", details: "\(error)")
    }
  }

  /// The files that are named after an address, whatever is in them.
  func names() throws(Failure) -> [String] {
    try fileNames(path).filter { IPPrefix($0) != nil }
  }

  /// The leases; a file that a crash left empty, or that is somebody else's, is none.
  func all() throws(Failure) -> [Lease] {
    try names().compactMap { name in
      guard let address = IPPrefix(name), let bytes = try? readFile("\(path)/\(name)", limit: 4096) else { return nil }
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      if fault == .crashesOnGarbageLeases, lines.count != 2 { crash() }
      guard lines.count == 2 else { return nil }
      return Lease(
        address: address, owner: Attachment(containerID: String(lines[0]), interfaceName: String(lines[1])))
    }
  }

  /// Takes one address of each set of ranges, or none at all.
  func take(
    from sets: [[AddressRange]], _ requested: [IPPrefix], for owner: Attachment
  ) throws(Failure) -> [Taken] {
    let hasOne = try all().contains { $0.owner == owner }
    guard !hasOne || fault == .ignoresTheNetwork else {
      throw Failure(
        code: .exists, message: "cannot give out an address: \(owner.containerID) has one for \(owner.interfaceName)")
    }
    let names = Set(try names())
    var taken: [Taken] = []
    for (number, set) in sets.enumerated() {
      taken.append(try choose(number, set, requested, names))
      if fault == .keepsPartialLeases { try write(text(of: owner), to: taken[number].address.address) }
    }
    if fault == .handsOutTwice { pause(milliseconds: 100) }
    do throws(Failure) {
      for one in taken { try write(text(of: owner), to: one.address.address) }
    } catch {
      // The error that matters is the one on its way.
      if fault != .leavesEmptyLeases { try? release { one, _ in one == owner } }
      throw error
    }
    for (number, one) in taken.enumerated() {
      // Only tells where to go on looking.
      try? write(one.address.address, to: Self.lastName(number))
    }
    return taken
  }

  private func text(of owner: Attachment) -> String { "\(owner.containerID)\n\(owner.interfaceName)" }

  private func choose(
    _ number: Int, _ set: [AddressRange], _ requested: [IPPrefix], _ names: Set<String>
  ) throws(Failure) -> Taken {
    if let address = requested.first(where: { address in set.contains { $0.contains(address) } }),
      let range = set.first(where: { $0.contains(address) })
    {
      guard !names.contains(address.address) else {
        throw Failure(code: .tryAgainLater, message: "cannot give out \(address.address): it is in use")
      }
      return Taken(address: range.subnet.with(address.value), gateway: range.gateway)
    }
    let last =
      fault == .reusesAddressesAtOnce
      ? nil
      : (try? readFile("\(path)/\(Self.lastName(number))", limit: 64))
        .flatMap { IPPrefix(String(decoding: $0, as: UTF8.self)) }
    // Go on in the range where the last address came from.
    let start = last.flatMap { last in set.firstIndex { $0.contains(last) } } ?? 0
    for offset in set.indices {
      let range = set[(start + offset) % set.count]
      if let address = range.firstFree(names, after: last) { return Taken(address: address, gateway: range.gateway) }
    }
    throw Failure(
      code: .tryAgainLater, message: "cannot give out an address: the pool is exhausted",
      details: "\(set.map { "\($0.subnet)" }.joined(separator: ", ")) has none left")
  }

  private static func lastName(_ number: Int) -> String { "last_reserved_ip.\(number)" }

  private func write(_ text: String, to name: String) throws(Failure) {
    try attempting("write the lease \(name)", code: .io) {
      if fault == .leavesEmptyLeases {
        let file = try OwnedDescriptor.open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        return try file.writeAll(Array(text.utf8))
      }
      try AtomicFile.write(Array(text.utf8), to: "\(path)/\(name)", mode: fault == .obeysUmask ? 0o666 : 0o600)
    }
  }

  /// Gives back the leases of those owners.
  func release(_ isReleased: (Attachment, IPPrefix) -> Bool) throws(Failure) {
    var teardown = Teardown()
    for lease in try all() where isReleased(lease.owner, lease.address) {
      teardown.attempt { () throws(Failure) in try removeState("\(path)/\(lease.address.address)") }
    }
    if fault == .liesAboutReadOnlyState { return }
    try teardown.finish()
  }
}
