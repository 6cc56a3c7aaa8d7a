import CLinux

/// A message to or from the kernel, without what the socket adds: length, sequence number and port.
package struct Message: Sendable, Equatable {
  package let type: UInt16
  package let flags: UInt16
  /// The family's header and the attributes behind it.
  package let payload: [UInt8]
  /// How errors name the message: `rule 7 of 12 (inbound redirect)`.
  package let label: String
  /// Whether the kernel acknowledges the message; the begin and end marks of a batch it does not.
  package let wantsAck: Bool

  package init(type: UInt16, flags: UInt16, payload: [UInt8], label: String, wantsAck: Bool = true) {
    self.type = type
    self.flags = flags
    self.payload = payload
    self.label = label
    self.wantsAck = wantsAck
  }

  /// Appends the message as it goes over the socket.
  ///
  /// - Parameter sequence: the number that the kernel's answer will have.
  package func encode(into bytes: inout [UInt8], sequence: UInt32) {
    bytes.append(native: UInt32(NetlinkLayout.messageHeader + payload.count))
    bytes.append(native: type)
    bytes.append(native: flags | UInt16(wantsAck ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST))
    bytes.append(native: sequence)
    // The kernel fills in the port of the socket.
    bytes.append(native: UInt32(0))
    bytes += payload
    bytes.padToNetlinkAlignment()
  }
}

/// One message of a datagram from the kernel.
struct Reply {
  let type: UInt16
  let flags: UInt16
  let sequence: UInt32
  let payload: ArraySlice<UInt8>

  /// Takes a datagram apart.
  ///
  /// - Throws: `.malformed` if a message is shorter than its header or longer than the datagram.
  static func parse(_ datagram: [UInt8]) throws(NetlinkError) -> [Reply] {
    var replies: [Reply] = []
    var rest = datagram[...]
    while !rest.isEmpty {
      let header = NetlinkLayout.messageHeader
      guard rest.count >= header else { throw .malformed("message", "\(rest.count) bytes left") }
      let start = rest.startIndex
      let length = Int(UInt32(native: rest[start..<start + 4]))
      guard length >= header, length <= rest.count else {
        throw .malformed("message", "length \(length), \(rest.count) bytes left")
      }
      replies.append(
        Reply(
          type: UInt16(native: rest[start + 4..<start + 6]), flags: UInt16(native: rest[start + 6..<start + 8]),
          sequence: UInt32(native: rest[start + 8..<start + 12]), payload: rest[start + header..<start + length]))
      rest = rest.dropFirst(NetlinkLayout.aligned(length))
    }
    return replies
  }
}
