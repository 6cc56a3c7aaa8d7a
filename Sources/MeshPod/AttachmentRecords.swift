package import CNI
package import System
import SystemPackage

/// What ADD leaves on the node of the attachments that it redirected, a file each:
/// `RUN_DIRECTORY/attachments/NETWORK/CNI_IFNAME/CNI_CONTAINERID`.
///
/// The container id is a file's name, since it may have 250 bytes. Folders are never removed, so that nobody's folder
/// goes between being made and being written to.
package struct AttachmentRecords: Sendable {
  private let folder: String

  package init(_ runDirectory: RunDirectory) {
    folder = runDirectory.attachments
  }

  /// The network and the attachment that a record is of.
  package struct Key: Hashable, Sendable {
    package let network: String
    package let attachment: Attachment

    package init(network: String, containerID: String, interfaceName: String) {
      self.network = network
      attachment = Attachment(containerID: containerID, interfaceName: interfaceName)
    }

    package init(_ network: String, _ invocation: Invocation) {
      self.init(network: network, containerID: invocation.containerID, interfaceName: invocation.interfaceName)
    }
  }

  /// What there is of an attachment.
  package enum Finding: Sendable, Equatable {
    /// We did not redirect it.
    case nothing
    /// Something that this program does not write; why, as a half sentence.
    case unusable(String)
    case record(AttachmentRecord)
  }

  /// 4 MiB, as much as the network configuration may have: a policy comes from less.
  private static let sizeLimit = NetworkConfiguration.maximumByteCount

  private func path(_ key: Key) -> String {
    "\(folder)/\(key.network)/\(key.attachment.interfaceName)/\(key.attachment.containerID)"
  }

  /// Writes a record, in place of one that may be there.
  ///
  /// - Throws: the step that failed; there is no record then.
  package func write(_ record: [UInt8], at key: Key) throws(SystemError) {
    let path = path(key)
    do throws(SystemError) {
      try PlainFile.write(record, to: path, mode: 0o600)
    } catch let error where error.errno == .noSuchFileOrDirectory {
      try makeFolder(folder)
      try makeFolder("\(folder)/\(key.network)")
      try makeFolder("\(folder)/\(key.network)/\(key.attachment.interfaceName)")
      try PlainFile.write(record, to: path, mode: 0o600)
    }
  }

  /// Reads a record.
  package func read(_ key: Key) -> Finding {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try readFile(path(key), limit: Self.sizeLimit)
    } catch let error where error.errno == .noSuchFileOrDirectory {
      return .nothing
    } catch {
      return .unusable("\(error)")
    }
    guard let record = AttachmentRecord(parsing: bytes) else {
      return .unusable("\(path(key)) holds no record that this version can read")
    }
    return .record(record)
  }

  /// Removes a record.
  ///
  /// - Returns: Whether there was one.
  package func remove(_ key: Key) throws(SystemError) -> Bool {
    do throws(SystemError) {
      return try removeFile(path(key))
    } catch let error where error.errno == .fileNameTooLong {
      // ADD cannot have written it either.
      return false
    } catch let error where error.errno == .readOnlyFileSystem {
      // The kernel says so before it looks for the file.
      if read(key) == .nothing { return false }
      throw error
    }
  }

  /// The records of the same container under other interfaces and networks.
  package func others(of key: Key) throws(SystemError) -> [Key] {
    var others: [Key] = []
    for network in try Self.names(in: folder) {
      for interface in try Self.names(in: "\(folder)/\(network)") {
        let other = Key(network: network, containerID: key.attachment.containerID, interfaceName: interface)
        if other != key, try exists(path(other)) { others.append(other) }
      }
    }
    return others
  }

  /// All records, in the order of their keys. What is no record of ours, or was removed meanwhile, is left out.
  ///
  /// - Throws: what keeps a folder from being read.
  package func all() throws(SystemError) -> [(key: Key, record: AttachmentRecord)] {
    var all: [(key: Key, record: AttachmentRecord)] = []
    for network in try Self.names(in: folder).sorted() {
      for interface in try Self.names(in: "\(folder)/\(network)").sorted() {
        for container in try Self.names(in: "\(folder)/\(network)/\(interface)").sorted() {
          let key = Key(network: network, containerID: container, interfaceName: interface)
          if case .record(let record) = read(key) { all.append((key, record)) }
        }
      }
    }
    return all
  }

  /// Removes the records of a network that are not of `valid` attachments. What no ADD can have written stays, and an
  /// error does not keep the others from being removed.
  ///
  /// - Returns: How many were removed, and what went wrong.
  package func prune(_ network: String, keeping valid: Set<Attachment>) -> (removed: Int, failures: [SystemError]) {
    var removed = 0
    var failures: [SystemError] = []
    func attempt<R>(_ body: () throws(SystemError) -> R) -> R? {
      do throws(SystemError) {
        return try body()
      } catch {
        failures.append(error)
        return nil
      }
    }
    let folder = "\(folder)/\(network)"
    for interface in attempt({ () throws(SystemError) in try Self.names(in: folder) }) ?? [] {
      let folder = "\(folder)/\(interface)"
      for container in attempt({ () throws(SystemError) in try Self.names(in: folder) }) ?? [] {
        let attachment = Attachment(containerID: container, interfaceName: interface)
        guard attachment.hasValidNames, !valid.contains(attachment) else { continue }
        let path = "\(folder)/\(container)"
        if attempt({ () throws(SystemError) in try Self.removeUnlessFolder(path) }) == true { removed += 1 }
      }
    }
    return (removed, failures)
  }

  private static func removeUnlessFolder(_ path: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      return try removeFile(path)
    } catch let error where error.errno == .isDirectory {
      return false
    }
  }

  /// The names in a folder; none if it is not there, or no folder.
  private static func names(in folder: String) throws(SystemError) -> [String] {
    do throws(SystemError) {
      return try System.names(inFolder: folder)
    } catch let error where error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory {
      return []
    }
  }
}
