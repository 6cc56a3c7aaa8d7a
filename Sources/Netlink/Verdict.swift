import CLinux
import SystemPackage

/// What the kernel says at the end of a request: done, or the error with its extended acknowledgement.
///
/// Source: `enum nlmsgerr_attrs` in linux/netlink.h; an `NLMSG_DONE` carries the number and attributes as well.
struct Verdict {
  /// Nil if all went well.
  let errno: Errno?
  let text: String?
  let attributeOffset: Int?

  /// Reads the payload of an `NLMSG_ERROR` or `NLMSG_DONE`.
  init(_ reply: Reply) throws(NetlinkError) {
    let payload = reply.payload
    let isError = reply.type == UInt16(NLMSG_ERROR)
    let numberSize = MemoryLayout<CInt>.size
    guard payload.count >= numberSize else {
      throw .malformed("acknowledgement", "\(payload.count) bytes")
    }
    let number = CInt(native: payload.prefix(numberSize))
    errno = number == 0 ? nil : Errno(rawValue: 0 &- number)

    var attributes = payload.dropFirst(numberSize)
    if isError {
      let header = attributes.prefix(NetlinkLayout.messageHeader)
      guard header.count == NetlinkLayout.messageHeader else {
        throw .malformed("acknowledgement", "\(payload.count) bytes")
      }
      // The header of the message that this is about, then the rest of it unless it was left out.
      let isCapped = reply.flags & UInt16(NLM_F_CAPPED) != 0
      let length = isCapped ? header.count : Int(UInt32(native: header.prefix(4)))
      attributes = attributes.dropFirst(max(header.count, NetlinkLayout.aligned(length)))
    }
    guard reply.flags & UInt16(NLM_F_ACK_TLVS) != 0 else {
      text = nil
      attributeOffset = nil
      return
    }
    let reader = AttributeReader(attributes)
    text = try reader.first(UInt16(NLMSGERR_ATTR_MSG.rawValue))?.string()
    attributeOffset = try reader.first(UInt16(NLMSGERR_ATTR_OFFS.rawValue)).map { (offset) throws(NetlinkError) in
      Int(try offset.integer(UInt32.self))
    }
  }

  /// The error to throw about the message with this label, if it is one.
  func error(about label: String) -> NetlinkError? {
    errno.map {
      NetlinkError(
        .kernel, operation: "netlink", object: label, errno: $0, kernelText: text, attributeOffset: attributeOffset)
    }
  }
}
