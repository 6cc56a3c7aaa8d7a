import CLinux
import CNI
import FaultTable
import Glibc
import JSON
import System
import SystemPackage

/// What the state of an attachment is found by: all three parts, or one DEL takes away what belongs to another.
struct AttachmentKey: Hashable {
  let network: String
  let containerID: String
  let interface: String

  /// 16 hexadecimal digits, for names that are short and may not hold just any text.
  var digits: String {
    if fault == .keysWithoutInterface { return Self.digits("\(network)\0\(containerID)") }
    if fault == .ignoresTheNetwork { return Self.digits("\(containerID)\0\(interface)") }
    return Self.digits("\(network)\0\(containerID)\0\(interface)")
  }

  /// FNV-1a.
  static func digits(_ text: String) -> String {
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  var attachment: Attachment { Attachment(containerID: containerID, interfaceName: interface) }
}

/// The file of one attachment: what a role remembers of it, and the lock by which ADD and DEL of it take turns.
///
/// It is written in place, since a file that is replaced is no lock.
struct AttachmentFile: ~Copyable {
  private let descriptor: OwnedDescriptor
  private let path: String

  /// Opens the file and waits for whoever holds it.
  ///
  /// - Returns: nil if there is none, unless it is to be made.
  static func claim(
    _ key: AttachmentKey, in folder: String, creating: Bool
  ) throws(Failure) -> AttachmentFile? {
    let path = "\(folder)/\(key.digits)"
    if creating { try makeFolders(folder) }
    do throws(SystemError) {
      return try claim(path, creating ? O_RDWR | O_CREAT : O_RDONLY)
    } catch {
      if error.errno == .noSuchFileOrDirectory, !creating { return nil }
      throw Failure(code: .io, message: "cannot open \(path)", details: "\(error)")
    }
  }

  private static func claim(_ path: String, _ flags: CInt) throws(SystemError) -> AttachmentFile {
    while true {
      let mode: mode_t = fault == .obeysUmask ? 0o666 : 0o600
      let file = AttachmentFile(descriptor: try OwnedDescriptor.open(path, flags, mode: mode), path: path)
      if fault == .poisonsRacingDelete, flags & O_CREAT == 0, file.isLocked {
        try AtomicFile.write([], to: "\(path).raced", mode: 0o600)
      }
      try lock(file.descriptor, path)
      // Whoever held it may have removed it meanwhile.
      if file.isCurrent { return file }
    }
  }

  private var isLocked: Bool { descriptor.withRawValue { flock($0, LOCK_EX | LOCK_NB) != 0 } }

  private var isCurrent: Bool { descriptor.withRawValue { isFile($0, at: path) } }

  /// What is remembered; empty when whoever made the file was stopped before it wrote.
  borrowing func read() -> JSONObject { Self.read(path) ?? [:] }

  borrowing func write(_ state: JSONObject) throws(Failure) {
    let bytes = JSONValue.object(state).serialized()
    try attempting("write \(path)", code: .io) {
      let file = try OwnedDescriptor.open(path, O_WRONLY | O_TRUNC)
      try file.writeAll(bytes)
      try file.close()
    }
  }

  consuming func remove() throws(Failure) {
    try removeState(path)
  }

  /// The files in `folder` of attachments to `network`, with what they remember.
  static func list(_ folder: String, network: String) throws(Failure) -> [(key: AttachmentKey, state: JSONObject)] {
    try fileNames(folder).compactMap { name in
      guard let state = read("\(folder)/\(name)"),
        state["network"]?.string == network || fault == .ignoresTheNetwork, let key = AttachmentKey(state),
        key.digits == name
      else { return nil }
      return (key, state)
    }
  }

  /// What is remembered of an attachment; nil when nothing is.
  static func state(of key: AttachmentKey, in folder: String) -> JSONObject? { state(named: key.digits, in: folder) }

  static func state(named name: String, in folder: String) -> JSONObject? { read("\(folder)/\(name)") }

  private static func read(_ path: String) -> JSONObject? {
    guard let bytes = try? readFile(path, limit: 1 << 20) else { return nil }
    return (try? JSONValue(parsing: bytes))?.object
  }
}

extension AttachmentKey {
  /// What every state begins with.
  var state: JSONObject {
    ["network": .string(network), "containerID": .string(containerID), "ifname": .string(interface)]
  }

  init?(_ state: JSONObject) {
    guard let network = state["network"]?.string, let container = state["containerID"]?.string,
      let interface = state["ifname"]?.string
    else { return nil }
    self.init(network: network, containerID: container, interface: interface)
  }
}
