import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct FolderWatchTests {
  /// Something that happens in a folder where there is a file `old` and, beside the folder, one called `outside`.
  struct Happening: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let changes: [FolderEvent.Change]
    let name: String?
    let happen: @Sendable (_ folder: String) throws -> Void

    init(
      _ description: String, _ changes: [FolderEvent.Change], name: String? = "old",
      happen: @escaping @Sendable (String) throws -> Void
    ) {
      testDescription = description
      self.changes = changes
      self.name = name
      self.happen = happen
    }
  }

  static let happenings: [Happening] = [
    Happening("a file is created", [.created, .written], name: "new") {
      try PlainFile.write([], to: "\($0)/new", mode: 0o644)
    },
    Happening("a file is written to", [.written]) { folder in
      try OwnedDescriptor.open("\(folder)/old", O_WRONLY).writeAll([1])
    },
    Happening("a file is cut off", [.written]) { truncate("\($0)/old", 0) },
    Happening("a file is moved in", [.movedIn], name: "new") { rename("\($0)/../outside", "\($0)/new") },
    Happening("a file is replaced", [.movedIn]) { rename("\($0)/../outside", "\($0)/old") },
    Happening("a file is moved out", [.movedOut]) { rename("\($0)/old", "\($0)/../elsewhere") },
    Happening("a file is deleted", [.deleted]) { try removeFile("\($0)/old") },
    Happening("a file's mode is changed", [.attributes]) { chmod("\($0)/old", 0o600) },
    Happening("a link is created", [.created], name: "link") { symlink("old", "\($0)/link") },
    Happening("a folder is created", [.created], name: "inner") { mkdir("\($0)/inner", 0o755) },
    Happening("the folder's own mode is changed", [.attributes], name: nil) { chmod($0, 0o700) },
    Happening("the folder is moved", [.folderGone], name: nil) { rename($0, "\($0)-moved") },
    Happening("the folder is deleted", [.deleted, .folderGone], name: nil) { folder in
      try removeFile("\(folder)/old")
      rmdir(folder)
    },
  ]

  @Test("what happens in a folder is seen", arguments: happenings)
  func seen(_ happening: Happening) throws {
    let scene = try Scene()
    var watch = try FolderWatch(wakeUp: WakeUp())
    #expect(watch.arm([scene.folder]) == [])
    try happening.happen(scene.folder)
    let events = try watch.wait(for: .seconds(5))
    for change in happening.changes {
      #expect(events.contains { $0.change == change && $0.folder == scene.folder })
    }
    #expect(events.contains { $0.name == happening.name })
  }

  @Test("reading and listing are no events")
  func looking() throws {
    let scene = try Scene()
    var watch = try FolderWatch(wakeUp: WakeUp())
    _ = watch.arm([scene.folder])
    _ = try readFile("\(scene.folder)/old", limit: 10)
    _ = try names(inFolder: scene.folder)
    _ = try FileIdentity(of: "\(scene.folder)/old")
    #expect(try watch.wait(for: .zero) == [])
  }

  @Test("the exchange of the link ..data, by which kubelet renews mounted files, is seen")
  func mountedFiles() throws {
    let scene = try Scene()
    for version in ["..1", "..2"] {
      mkdir("\(scene.folder)/\(version)", 0o755)
      try PlainFile.write(Array(version.utf8), to: "\(scene.folder)/\(version)/token", mode: 0o600)
    }
    symlink("..1", "\(scene.folder)/..data")
    symlink("..data/token", "\(scene.folder)/token")
    var watch = try FolderWatch(wakeUp: WakeUp())
    _ = watch.arm([scene.folder])
    symlink("..2", "\(scene.folder)/..data_tmp")
    rename("\(scene.folder)/..data_tmp", "\(scene.folder)/..data")
    let events = try watch.wait(for: .seconds(5))
    #expect(events.contains(FolderEvent(folder: scene.folder, name: "..data", change: .movedIn)))
    #expect(try readFile("\(scene.folder)/token", limit: 10) == Array("..2".utf8))
  }

  @Test("what has happened before the folder was armed is no event, and arming again loses none")
  func armedTwice() throws {
    let scene = try Scene()
    var watch = try FolderWatch(wakeUp: WakeUp())
    chmod("\(scene.folder)/old", 0o600)
    _ = watch.arm([scene.folder])
    #expect(try watch.wait(for: .zero) == [])
    chmod("\(scene.folder)/old", 0o640)
    _ = watch.arm([scene.folder])
    #expect(
      try watch.wait(for: .zero) == [FolderEvent(folder: scene.folder, name: "old", change: .attributes)])
  }

  @Test("a folder that was replaced by another of the same name is watched anew, and the former one no longer")
  func replaced() throws {
    let scene = try Scene()
    var watch = try FolderWatch(wakeUp: WakeUp())
    _ = watch.arm([scene.folder])
    rename(scene.folder, scene.second)
    mkdir(scene.folder, 0o755)
    #expect(watch.arm([scene.folder]) == [])
    _ = try watch.wait(for: .zero)
    chmod("\(scene.second)/old", 0o600)
    #expect(try watch.wait(for: .zero) == [])
    try PlainFile.write([], to: "\(scene.folder)/new", mode: 0o600)
    #expect(try watch.wait(for: .zero).contains { $0.name == "new" })
  }

  @Test("a folder that was removed is missing until it is there again")
  func removed() throws {
    let scene = try Scene()
    var watch = try FolderWatch(wakeUp: WakeUp())
    _ = watch.arm([scene.folder])
    try removeFile("\(scene.folder)/old")
    rmdir(scene.folder)
    let gaps = watch.arm([scene.folder])
    #expect(gaps.map(\.path) == [scene.folder])
    #expect(gaps.map(\.error) == [SystemError("inotify_add_watch", scene.folder, .noSuchFileOrDirectory)])
    #expect(gaps.map(\.isMissing) == [true])
    mkdir(scene.folder, 0o755)
    #expect(watch.arm([scene.folder]) == [])
    _ = try watch.wait(for: .zero)
    mkdir("\(scene.folder)/inner", 0o755)
    #expect(try watch.wait(for: .zero) == [FolderEvent(folder: scene.folder, name: "inner", change: .created)])
  }

  @Test("the other folders are watched beside those that cannot be")
  func gaps() throws {
    let scene = try Scene()
    let long = "/tmp/\(String(repeating: "x", count: 256))"
    var watch = try FolderWatch(wakeUp: WakeUp())
    let gaps = watch.arm([long, "\(scene.folder)/old", "\(scene.folder)/none", scene.folder])
    #expect(gaps.map(\.error.errno) == [.fileNameTooLong, .notDirectory, .noSuchFileOrDirectory])
    #expect(gaps.map(\.isMissing) == [false, true, true])
    chmod("\(scene.folder)/old", 0o600)
    #expect(try watch.wait(for: .zero).map(\.name) == ["old"])
  }

  @Test("two paths of one folder both have their events, and one of them can be given up")
  func twoPaths() throws {
    let scene = try Scene()
    symlink(scene.folder, scene.second)
    var watch = try FolderWatch(wakeUp: WakeUp())
    #expect(watch.arm([scene.folder, scene.second]) == [])
    chmod("\(scene.folder)/old", 0o600)
    #expect(try Set(watch.wait(for: .zero).map(\.folder)) == [scene.folder, scene.second])
    _ = watch.arm([scene.second])
    chmod("\(scene.folder)/old", 0o640)
    #expect(try watch.wait(for: .zero).map(\.folder) == [scene.second])
    _ = watch.arm([])
    chmod("\(scene.folder)/old", 0o600)
    #expect(try watch.wait(for: .zero) == [])
  }

  @Test("events that were lost are told as an overflow")
  func overflow() throws {
    let scene = try Scene()
    let limit = try #require(
      Int(String(decoding: readFile("/proc/sys/fs/inotify/max_queued_events", limit: 20), as: UTF8.self).dropLast()))
    var watch = try FolderWatch(wakeUp: WakeUp())
    _ = watch.arm([scene.folder])
    // The kernel merges an event with an equal one before it.
    for _ in 0...limit / 2 {
      rename("\(scene.folder)/old", "\(scene.folder)/new")
      rename("\(scene.folder)/new", "\(scene.folder)/old")
    }
    var events: [FolderEvent] = []
    while true {
      let more = try watch.wait(for: .zero)
      if more.isEmpty { break }
      events += more
    }
    #expect(events.last == FolderEvent(folder: nil, name: nil, change: .overflow))
    #expect(events.count == limit + 1)
  }

  @Test("a wait ends when its time is over, and not before")
  func timeLimit() throws {
    var watch = try FolderWatch(wakeUp: WakeUp())
    let start = ContinuousClock.now
    #expect(try watch.wait(for: .milliseconds(30)) == [])
    #expect(ContinuousClock.now - start >= .milliseconds(30))
  }

  @Test("another thread ends a wait")
  func wakeUp() async throws {
    let wakeUp = try WakeUp()
    async let events = onDedicatedThread { () throws(SystemError) in
      var watch = try FolderWatch(wakeUp: wakeUp)
      return try watch.wait(for: nil)
    }
    wakeUp.signal()
    #expect(try await events == [])
  }

  @Test("without a descriptor for it there is no watch, and the error says so")
  func exhaustion() async {
    await #expect(processExitsWith: .success) {
      let wakeUp = try WakeUp()
      var limit = rlimit(rlim_cur: 0, rlim_max: 100)
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
      do throws(SystemError) {
        _ = try FolderWatch(wakeUp: wakeUp)
        exit(1)
      } catch {
        try #require(error == SystemError("inotify_init1", "a watch of folders", .tooManyOpenFiles))
      }
    }
  }

  @Test("watches leave no descriptor behind")
  func leaks() async {
    await #expect(processExitsWith: .success) {
      let before = entries(of: "/proc/self/fd").count
      for _ in 0..<50 {
        var watch = try FolderWatch(wakeUp: WakeUp())
        _ = watch.arm(["/tmp", "/nonexistent"])
        _ = try watch.wait(for: .zero)
      }
      // Dispatch, which enforces time limits, may have opened some of its own.
      try #require(entries(of: "/proc/self/fd").count < before + 25)
    }
  }
}

/// A folder to watch with a file `old` in it, one called `outside` beside it, and room for a second folder.
private struct Scene: ~Copyable {
  let folder: String
  let second: String
  private let parent: TemporaryFolder

  init() throws(SystemError) {
    let parent = try TemporaryFolder()
    try parent.write("0", to: "watched/old")
    try parent.write("0", to: "outside")
    folder = "\(parent.path)/watched"
    second = "\(parent.path)/second"
    self.parent = parent
  }
}
