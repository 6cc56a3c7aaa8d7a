import CLinux
import Glibc
package import System
import SystemPackage

/// A TCP segment that belongs to no connection and can begin none, which connection tracking calls INVALID.
///
/// NAT passes over such segments, so a redirect does not catch them, and at a closed port the pod's own stack answers
/// with a reset. In real life they are late or out-of-window segments of a redirected connection, which that reset
/// then ends. With a rule that drops INVALID nobody answers.
package struct InvalidSegment: Sendable {
  package enum Outcome: Sendable, Equatable {
    case answered
    case silent
  }

  package let destination: Endpoint

  /// - Parameter destination: Of a port that nobody listens on; a listener ignores the segment.
  package init(to destination: Endpoint) {
    self.destination = destination
  }

  /// Sends the segment from inside a namespace.
  ///
  /// - Parameter timeLimit: How long to wait for a reset; it comes at once or never.
  package func fire(
    in namespace: borrowing NetworkNamespace, timeLimit: Duration = .milliseconds(500)
  ) throws(SystemError) -> Outcome {
    let deadline = ContinuousClock.now + timeLimit
    // Takes a free port, so that the reset meets nobody else's connection.
    let holder = try PodSocket.open(.tcp, for: destination, as: .root, in: namespace)
    try holder.bind(to: Endpoint(destination.isIPv6 ? "::" : "0.0.0.0", 0))
    let socket = try PodSocket.open(.rawTCP, for: destination, as: .root, in: namespace)
    try socket.connect(to: Endpoint(destination.address, 0), until: deadline)
    guard let address = socket.localEndpoint?.address, let port = holder.localEndpoint?.port else {
      throw SystemError("getsockname", "\(destination)", .addressNotAvailable)
    }
    let source = Endpoint(address, port)
    try socket.send(Self.segment(from: source, to: destination))
    while let packet = try socket.receiveInTime(until: deadline) {
      if Self.isReset(packet, from: destination, to: source) { return .answered }
    }
    return .silent
  }

  /// SYN with FIN: no connection begins and ends at once.
  private static func segment(from source: Endpoint, to destination: Endpoint) -> [UInt8] {
    var header = tcphdr()
    header.th_sport = source.port.bigEndian
    header.th_dport = destination.port.bigEndian
    header.th_off = UInt8(MemoryLayout<tcphdr>.size / MemoryLayout<UInt32>.size)
    header.th_flags = UInt8(TH_SYN | TH_FIN)
    header.th_win = UInt16.max
    let length = UInt32(MemoryLayout<tcphdr>.size)
    // Addresses, protocol and length stand before the segment only to be summed up with it; the zeros that IPv6 has
    // between them, and IPv4 has not, add nothing.
    let sum = [
      source.addressBytes, destination.addressBytes, bytes(of: UInt32(IPPROTO_TCP).bigEndian),
      bytes(of: length.bigEndian), bytes(of: header),
    ].joined()
    header.th_sum = checksum(Array(sum)).bigEndian
    return bytes(of: header)
  }

  /// The Internet checksum of an even number of bytes.
  private static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum = stride(from: 0, to: bytes.count, by: 2).reduce(UInt32(0)) { sum, index in
      sum + UInt32(bytes[index]) << 8 + UInt32(bytes[index + 1])
    }
    while sum > UInt16.max { sum = sum >> 16 + sum & 0xffff }
    return ~UInt16(sum)
  }

  private static func isReset(_ packet: [UInt8], from source: Endpoint, to destination: Endpoint) -> Bool {
    var segment = packet[...]
    if !source.isIPv6 {
      // IPv4 hands out the packet with its own header, IPv6 without.
      var header = ip()
      guard fill(&header, from: segment) else { return false }
      segment = segment.dropFirst(Int(header.ip_hl) * MemoryLayout<UInt32>.size)
    }
    var header = tcphdr()
    return fill(&header, from: segment) && header.th_sport == source.port.bigEndian
      && header.th_dport == destination.port.bigEndian && header.th_flags & UInt8(TH_RST) != 0
  }

  private static func bytes<Value>(of value: Value) -> [UInt8] {
    withUnsafeBytes(of: value) { Array($0) }
  }

  /// Whether there were bytes enough.
  private static func fill<Value>(_ value: inout Value, from bytes: ArraySlice<UInt8>) -> Bool {
    withUnsafeMutableBytes(of: &value) { value in
      guard bytes.count >= value.count else { return false }
      value.copyBytes(from: bytes.prefix(value.count))
      return true
    }
  }
}

extension PodSocket {
  /// What `receive` gives, or nil when nothing came in time.
  fileprivate func receiveInTime(until deadline: ContinuousClock.Instant) throws(SystemError) -> [UInt8]? {
    do throws(SystemError) {
      return try receive(until: deadline)
    } catch let error where error.errno == .timedOut {
      return nil
    }
  }
}
