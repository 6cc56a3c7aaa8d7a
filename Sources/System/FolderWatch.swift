import CLinux
import Glibc
import SystemPackage

/// Sees what happens in folders, but not in the folders within them.
///
/// Arm it before the state is read: what changes afterwards is an event, so that no change is missed. A path stands for
/// the folder that was there when it was armed, so arm it again before each look.
///
/// Source: `inotify(7)`. Nothing is seen of what other nodes do in a network file system, of writes through `mmap`, and
/// of a mount that covers the folder.
package struct FolderWatch: ~Copyable, Sendable {
  /// A folder that cannot be watched, and why.
  package struct Gap: Sendable, Equatable {
    package let path: String
    package let error: SystemError

    /// Whether there is no such folder now, as opposed to one that is beyond a limit or a permission.
    package var isMissing: Bool { error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory }
  }

  /// Without `IN_OPEN`, `IN_ACCESS` and `IN_CLOSE_NOWRITE`: looking at a folder is no event.
  private static let interest = UInt32(
    IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF
      | IN_MOVE_SELF | IN_ONLYDIR)

  /// Bytes that one wait takes; more stay with the kernel until the next one. Events of the longest names fit 240 times.
  private static let capacity = 1 << 16

  private let inotify: OwnedDescriptor
  private let wakeUp: WakeUp
  /// The kernel's number of the folder that each path stood for when it was armed. Several paths may be one folder.
  private var numbers: [String: CInt] = [:]

  /// - Parameter wakeUp: what ends a wait.
  /// - Throws: `EMFILE` beyond `fs.inotify.max_user_instances` or the process's limit of descriptors, `ENFILE`, `ENOMEM`.
  package init(wakeUp: WakeUp) throws(SystemError) {
    inotify = OwnedDescriptor(owning: try retrying("inotify_init1", "a watch of folders") { clinux_inotify() })
    self.wakeUp = wakeUp
  }

  /// Watches exactly these folders from now on. Doing so again does no harm, and loses no event.
  ///
  /// Where a folder was replaced by another of the same name, that one is watched.
  ///
  /// - Returns: The folders that cannot be watched, in the order of `paths`: they are not there (`ENOENT`, `ENOTDIR`),
  ///   `ENOSPC` beyond `fs.inotify.max_user_watches`, `EACCES`. The others are.
  package mutating func arm(_ paths: [String]) -> [Gap] {
    var gaps: [Gap] = []
    var armed: [String: CInt] = [:]
    for path in paths {
      do throws(SystemError) {
        armed[path] = try retrying("inotify_add_watch", path) {
          inotify.withRawValue { unsafe inotify_add_watch($0, path, Self.interest) }
        }
      } catch {
        gaps.append(Gap(path: path, error: error))
      }
    }
    for number in Set(numbers.values).subtracting(armed.values) {
      // `EINVAL`: the kernel has forgotten it with its folder.
      inotify.withRawValue { _ = inotify_rm_watch($0, number) }
    }
    numbers = armed
    return gaps
  }

  /// Waits for events, and takes them.
  ///
  /// - Parameter limit: the longest wait; nil waits for ever, zero takes what is there.
  /// - Returns: The events, the oldest first; none if the time is over or the wait was ended by the wake-up, whose
  ///   signal is taken. After much has happened not all of them: the next wait gives the others.
  package mutating func wait(for limit: Duration?) throws(SystemError) -> [FolderEvent] {
    let descriptor = inotify.withRawValue { $0 }
    let isReadable = try waitUntilReadable([descriptor, wakeUp.descriptor], for: limit)
    if isReadable[1] { wakeUp.take() }
    guard isReadable[0] else { return [] }
    do throws(SystemError) {
      return events(in: try inotify.read(Self.capacity))
    } catch let error where error.errno == .wouldBlock {
      return []
    }
  }

  /// What the kernel tells, in the words of those who asked.
  private mutating func events(in bytes: [UInt8]) -> [FolderEvent] {
    var events: [FolderEvent] = []
    for event in KernelEvent.all(in: bytes) {
      if event.has(IN_Q_OVERFLOW) {
        events.append(FolderEvent(folder: nil, name: nil, change: .overflow))
        continue
      }
      // None: an event of a folder that is no longer watched.
      for path in numbers.filter({ $0.value == event.number }).keys.sorted() {
        events.append(FolderEvent(folder: path, name: event.name, change: event.change))
      }
      if event.has(IN_IGNORED) { numbers = numbers.filter { $0.value != event.number } }
    }
    return events
  }
}

/// A `struct inotify_event` and the name behind it.
private struct KernelEvent {
  let number: CInt
  let mask: UInt32
  /// Nil if it is about the folder itself.
  let name: String?

  func has(_ bit: CInt) -> Bool { mask & UInt32(bitPattern: bit) != 0 }

  var change: FolderEvent.Change {
    if has(IN_CREATE) { return .created }
    if has(IN_MODIFY) || has(IN_CLOSE_WRITE) { return .written }
    if has(IN_MOVED_TO) { return .movedIn }
    if has(IN_MOVED_FROM) { return .movedOut }
    if has(IN_DELETE) { return .deleted }
    if has(IN_ATTRIB) { return .attributes }
    return .folderGone
  }

  /// The events in what one `read` gave, which are whole.
  static func all(in bytes: [UInt8]) -> [KernelEvent] {
    let header = MemoryLayout<inotify_event>.size
    var events: [KernelEvent] = []
    var rest = bytes[...]
    while rest.count >= header {
      let number = CInt(bitPattern: word(0, of: rest))
      let mask = word(1, of: rest)
      // The name is filled up with zeros.
      let name = rest.dropFirst(header).prefix(Int(word(3, of: rest)))
      let text = name.prefix { $0 != 0 }
      events.append(
        KernelEvent(number: number, mask: mask, name: text.isEmpty ? nil : String(decoding: text, as: UTF8.self)))
      rest = rest[name.endIndex...]
    }
    return events
  }

  private static func word(_ index: Int, of bytes: ArraySlice<UInt8>) -> UInt32 {
    unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self) }
  }
}
