import Glibc
import System
import SystemPackage
import Testing

@Suite struct DatagramTests {
  private static func path() -> String { "/tmp/datagram-\(UInt32.random(in: 0...UInt32.max)).sock" }

  @Test("datagrams arrive whole, in their order, and a long one is cut")
  func arrival() throws {
    let path = Self.path()
    let receiver = try DatagramReceiver(at: path, mode: 0o600)
    #expect(try FileIdentity(of: path).mode == 0o600)
    let end = try WakeUp()
    try sendDatagram([1, 2, 3], to: path)
    try sendDatagram([UInt8](repeating: 4, count: 20), to: path)
    #expect(try receiver.receive(limit: 10, until: end) == [1, 2, 3])
    #expect(try receiver.receive(limit: 10, until: end) == [UInt8](repeating: 4, count: 10))
    end.signal()
    #expect(try receiver.receive(limit: 10, until: end) == nil)
    try receiver.removeName()
    #expect(try !exists(path))
  }

  @Test("nobody is waited for: not one who is not there, nor one who does not read")
  func waiting() throws {
    let path = Self.path()
    #expect(#expect(throws: SystemError.self) { try sendDatagram([1], to: path) }?.errno == .noSuchFileOrDirectory)
    let receiver = try DatagramReceiver(at: path, mode: 0o600)
    let error = #expect(throws: SystemError.self) {
      for _ in 0..<100_000 { try sendDatagram([1], to: path) }
    }
    #expect(error?.errno == .resourceTemporarilyUnavailable)
    _ = consume receiver
    unlink(path)
  }
}
