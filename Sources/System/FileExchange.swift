import CLinux
import Glibc
import SystemPackage

/// Changes of files that others write as well: nobody's writing is lost, and there is no moment without the file.
///
/// What was read and what is replaced may be two things, since there is no call that compares and replaces. So the new
/// file and the old one exchange their names; then what was displaced is looked at; and if that is not what had been
/// read, the two exchange their names again.
package struct FileExchange: Sendable {
  /// Where others may come in between, and where the process may die.
  package enum Moment: Sendable, Equatable {
    /// The new file is complete, under its temporary name.
    case prepared
    /// The names are exchanged, and nobody has looked yet at what was displaced.
    case exchanged
  }

  /// How a change ended.
  package enum Outcome: Sendable, Equatable {
    /// The new file has the name.
    case done
    /// Another writer came in between: what it wrote has the name, and the temporary file is gone.
    case changed
  }

  private let isExchangePossible: Bool
  private let onMoment: @Sendable (Moment, _ path: String) -> Void

  /// - Parameters:
  ///   - isExchangePossible: Whether to try the kernel's exchange of names; without, as on file systems that do not
  ///     have it, a writer that comes in the instant before the rename is lost.
  ///   - onMoment: Called at each moment, for tests.
  package init(
    isExchangePossible: Bool = true, onMoment: @escaping @Sendable (Moment, _ path: String) -> Void = { _, _ in }
  ) {
    self.isExchangePossible = isExchangePossible
    self.onMoment = onMoment
  }

  /// Gives the file `temporary` the name `path`, if there is still `expected` there, and nobody has it open to write.
  ///
  /// After ``Outcome/done`` what was at `path`, the very file or link, has the name `temporary`. Where names cannot be
  /// exchanged nor a file have two, nothing has it. Both names are on the disk then.
  ///
  /// - Parameters:
  ///   - temporary: A complete file beside the other.
  ///   - expected: The content that the other had when it was read, through a link if it is one.
  /// - Throws: the step that failed; `temporary` is removed, unless it has become another's.
  package func place(
    _ temporary: String, at path: String, insteadOf expected: [UInt8]
  ) throws(SystemError) -> Outcome {
    onMoment(.prepared, path)
    let new = FileState(of: temporary)
    do throws(SystemError) {
      try exchange(temporary, path, expected: expected)
    } catch let error where error.errno == .noSuchFileOrDirectory || error == Self.changed(path) {
      try removeFile(temporary)
      return .changed
    } catch {
      // Best effort: the error that matters is the one on its way.
      unsafe unlink(temporary)
      throw error
    }
    onMoment(.exchanged, path)
    let displaced = FileState(of: temporary)
    guard displaced.isMissing || displaced.bytes == expected && !displaced.isOpenForWriting else {
      try putBack(temporary, at: path, after: new, displaced: displaced)
      return .changed
    }
    try synchronizeFolder(folder(of: path))
    return .done
  }

  /// Takes the name `path` from what is there and names it `temporary`, if there is still `expected` there.
  ///
  /// - Throws: the step that failed.
  package func takeAway(
    _ path: String, to temporary: String, ifStill expected: [UInt8]
  ) throws(SystemError) -> Outcome {
    onMoment(.prepared, path)
    do throws(SystemError) {
      try renameFile(path, toNew: temporary)
    } catch let error where error.errno == .noSuchFileOrDirectory {
      return .changed
    }
    onMoment(.exchanged, path)
    let taken = FileState(of: temporary)
    guard taken.bytes == expected, !taken.isOpenForWriting else {
      do throws(SystemError) {
        try renameFile(temporary, toNew: path)
      } catch let error where error.errno == .fileExists {
        // What another has written since is newer.
        try removeFile(temporary)
      }
      return .changed
    }
    try synchronizeFolder(folder(of: path))
    return .done
  }

  // MARK: Steps

  /// Gives back what was displaced, and if others have written meanwhile, the last of them.
  ///
  /// Each further turn needs another writer within the microseconds of the last.
  private func putBack(
    _ temporary: String, at path: String, after new: FileState, displaced: FileState
  ) throws(SystemError) {
    var placed = new
    var displaced = displaced
    while true {
      do throws(SystemError) {
        try exchange(temporary, path, expected: nil)
      } catch let error where error.errno == .noSuchFileOrDirectory {
        // Somebody removed it, after having written.
        break
      }
      let found = FileState(of: temporary)
      if found.isMissing || found == placed && !found.isOpenForWriting { break }
      placed = displaced
      displaced = found
    }
    try removeFile(temporary)
    try synchronizeFolder(folder(of: path))
  }

  /// - Parameter expected: What must be at `path` if names cannot be exchanged; nil if that does not matter.
  private func exchange(_ temporary: String, _ path: String, expected: [UInt8]?) throws(SystemError) {
    if isExchangePossible {
      do throws(SystemError) {
        return try exchangeFiles(temporary, path)
      } catch let error where error.errno == .invalidArgument || error.errno == .noFunction {
        // Try the other way.
      }
    }
    let second = temporaryPath(for: path)
    let current = FileState(of: path)
    if current.isMissing { throw SystemError("open", path, .noSuchFileOrDirectory) }
    if let expected, current.bytes != expected || current.isOpenForWriting { throw Self.changed(path) }
    var hasSecond = true
    do throws(SystemError) {
      try linkFile(path, to: second)
    } catch {
      // A file system without second names: what is displaced is gone.
      hasSecond = false
    }
    do throws(SystemError) {
      try renameFile(temporary, to: path)
    } catch {
      // Best effort: the error that matters is the one on its way.
      unsafe unlink(second)
      throw error
    }
    if hasSecond { try renameFile(second, to: temporary) }
  }

  private static func changed(_ path: String) -> SystemError { SystemError("compare", path, .resourceBusy) }
}

/// What is under a name: which file or link, and its content as far as it is a file that can be read.
private struct FileState: Equatable {
  private let device: dev_t
  private let inode: ino_t
  let isMissing: Bool
  /// Through a link.
  let bytes: [UInt8]?
  /// Whether some process has it open to write.
  let isOpenForWriting: Bool

  static func == (left: FileState, right: FileState) -> Bool {
    (left.device, left.inode) == (right.device, right.inode) && left.bytes == right.bytes
  }

  /// 16 MiB: far more than any configuration that runtimes read.
  private static let sizeLimit = 16 << 20

  init(of path: String) {
    var status = stat()
    isMissing = unsafe lstat(path, &status) != 0
    device = status.st_dev
    inode = status.st_ino
    var isOpenForWriting = false
    do throws(SystemError) {
      // Who waits for the other end of a pipe waits for ever.
      let file = try OwnedDescriptor.open(path, O_RDONLY | O_NONBLOCK)
      // In this order: who had it open and is done has written what is read now.
      isOpenForWriting = file.isOpenForWriting
      bytes = try file.readAll(limit: Self.sizeLimit)
    } catch {
      bytes = nil
    }
    self.isOpenForWriting = isOpenForWriting
  }
}

extension OwnedDescriptor {
  /// Whether the file, open here to read, is open to write elsewhere; false where the kernel does not tell.
  ///
  /// The kernel grants a lease of a file only as long as nobody writes, and signals its holder when somebody is about
  /// to: with a signal that does nothing, since the lease is given up at once.
  /// Source: `fcntl(2)`, "Leases".
  fileprivate var isOpenForWriting: Bool {
    withRawValue { file in
      guard clinux_set_lease_signal(file, SIGURG) == 0 else { return false }
      if clinux_take_read_lease(file) == 0 {
        _ = clinux_give_up_lease(file)
        return false
      }
      return Errno(rawValue: Glibc.errno) == .wouldBlock
    }
  }
}
