import SystemPackage
import Testing

@testable import System

struct StreamSocketTests {
  private static func soon() -> ContinuousClock.Instant { .now + .seconds(20) }

  @Test("a connection is accepted, and no rule has led it here", arguments: ["127.0.0.1", "::1"])
  func connection(address: String) throws {
    let any = Endpoint(address, 0)
    let listener = try StreamSocket.open(for: any)
    try listener.listen(on: any)
    let endpoint = try listener.localEndpoint()
    #expect(endpoint.address == address && endpoint.port > 0)
    let client = try StreamSocket.open(for: endpoint)
    try client.connect(to: endpoint, until: Self.soon())
    let accepted = try listener.accept(until: Self.soon())
    // A kernel without connection tracking does not know the option at all.
    let error = #expect(throws: SystemError.self) { try accepted.originalDestination() }
    #expect(error?.operation == "getsockopt" && error?.object == "SO_ORIGINAL_DST")
  }

  @Test("a port where nobody listens refuses, and a port that is taken is not to be had")
  func refusal() throws {
    let any = Endpoint("127.0.0.1", 0)
    let listener = try StreamSocket.open(for: any)
    try listener.listen(on: any)
    let endpoint = try listener.localEndpoint()
    let second = try StreamSocket.open(for: endpoint)
    #expect(throws: SystemError("bind", "\(endpoint)", .addressInUse)) { try second.listen(on: endpoint) }

    let idle = try StreamSocket.open(for: any)
    try idle.listen(on: any)
    let gone = try idle.localEndpoint()
    _ = consume idle
    let client = try StreamSocket.open(for: gone)
    #expect(throws: SystemError("connect", "\(gone)", .connectionRefused)) {
      try client.connect(to: gone, until: Self.soon())
    }
  }

  @Test("nobody who comes is waited for until the deadline")
  func deadline() throws {
    let any = Endpoint("127.0.0.1", 0)
    let listener = try StreamSocket.open(for: any)
    try listener.listen(on: any)
    #expect(throws: SystemError("accept", "TCP", .timedOut)) {
      _ = try listener.accept(until: .now + .milliseconds(10))
    }
  }

  @Test("what is no address is not connected to", arguments: ["localhost", "1.2.3", "1::2::3", ""])
  func noAddress(text: String) {
    #expect(throws: SystemError("inet_pton", text, .invalidArgument)) {
      _ = try Endpoint(text, 1).socketAddress()
    }
  }

  @Test("endpoints are written with brackets where that is needed")
  func text() {
    #expect("\(Endpoint("192.0.2.1", 80))" == "192.0.2.1:80")
    #expect("\(Endpoint("2001:db8::1", 80))" == "[2001:db8::1]:80")
  }
}
