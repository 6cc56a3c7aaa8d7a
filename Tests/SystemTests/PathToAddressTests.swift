import System
import SystemPackage
import Testing

struct PathToAddressTests {
  @Test("there is a route to what is on this machine")
  func loopback() throws {
    try requireRoute(to: "127.0.0.1", port: 443)
  }

  @Test("there is none to an address that no datagram may be sent to")
  func broadcast() {
    #expect(throws: SystemError.self) { try requireRoute(to: "255.255.255.255", port: 443) }
  }

  @Test("a text that is no address is an invalid argument", arguments: ["", "localhost", "1.2.3", "fe80::1%lo"])
  func noAddress(text: String) {
    #expect(throws: SystemError("inet_pton", text, .invalidArgument)) { try requireRoute(to: text, port: 443) }
  }
}
