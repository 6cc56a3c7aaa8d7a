import Glibc
import System
import SystemPackage
import Testing

@Suite struct LocalServiceTests {
  @Test("where nobody serves there is no answer, and it is said why")
  func nobody() {
    let error = #expect(throws: SystemError.self) {
      try askLocalService(at: "/nonexistent/pods.sock", [1], limit: 10, deadline: .now + .seconds(1))
    }
    #expect(error?.description == "connect(/nonexistent/pods.sock) = ENOENT (2)")
    let long = "/" + String(repeating: "x", count: 107)
    #expect(
      #expect(throws: SystemError.self) {
        try askLocalService(at: long, [1], limit: 10, deadline: .now + .seconds(1))
      }?.errno == .fileNameTooLong)
  }

  @Test("a service that does not answer is waited for until the deadline")
  func silent() throws {
    let service = try SilentService()
    let start = ContinuousClock.now
    let error = #expect(throws: SystemError.self) {
      try askLocalService(at: service.path, [1], limit: 10, deadline: start + .milliseconds(50))
    }
    #expect(error?.errno == .timedOut)
    #expect(ContinuousClock.now - start >= .milliseconds(50))
  }

  @Test("a deadline that has passed is none")
  func late() throws {
    let service = try SilentService()
    let error = #expect(throws: SystemError.self) {
      try askLocalService(at: service.path, [1], limit: 10, deadline: .now - .seconds(1))
    }
    #expect(error?.errno == .timedOut)
  }
}

/// A socket on which somebody listens, and nobody accepts.
private struct SilentService: ~Copyable {
  let path = "/tmp/local-service-\(UInt32.random(in: 0...UInt32.max)).sock"
  private let descriptor: OwnedDescriptor

  init() throws {
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    descriptor = OwnedDescriptor(owning: number)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0 && listen(number, 1) == 0)
  }

  deinit { unlink(path) }
}
