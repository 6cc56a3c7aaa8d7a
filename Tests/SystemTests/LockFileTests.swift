import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

struct LockFileTests {
  @Test("who comes second waits, and is told when the time is up")
  func exclusion() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/lock"
    let lock = try LockFile.take(path, timeLimit: .zero)
    #expect(throws: SystemError("flock", path, .wouldBlock)) {
      _ = try LockFile.take(path, timeLimit: .milliseconds(20))
    }
    lock.release()
    _ = try LockFile.take(path, timeLimit: .zero)
  }

  @Test("the lock of a file that its holder has removed is not taken for the lock")
  func removed() async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/lock"
    let first = try LockFile.take(path, timeLimit: .zero)
    async let second: Void = {
      _ = try LockFile.take(path, timeLimit: .seconds(10))
    }()
    // However far the other has come by now, it must end with the lock of the file that is there.
    try removeFile(path)
    first.release()
    try await second
    #expect(folder.names == ["lock"])
  }

  @Test("a lock goes with its process")
  func processEnds() async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/lock"
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let lock = try LockFile.take(path, timeLimit: .zero)
      kill(getpid(), SIGKILL)
      lock.release()
    }
    _ = try LockFile.take(path, timeLimit: .zero)
  }

  @Test("a folder that is not there, and a link in the lock's place, are named")
  func cannotOpen() throws {
    let folder = try TemporaryFolder()
    #expect(throws: SystemError("open", "\(folder.path)/missing/lock", .noSuchFileOrDirectory)) {
      _ = try LockFile.take("\(folder.path)/missing/lock", timeLimit: .zero)
    }
    try makeLink("\(folder.path)/lock", to: "/dev/null")
    #expect(throws: SystemError("open", "\(folder.path)/lock", .tooManySymbolicLinkLevels)) {
      _ = try LockFile.take("\(folder.path)/lock", timeLimit: .zero)
    }
  }
}
