import CLinux
import CNetlink
import System
import SystemPackage

/// An address or prefix as libnl reads it from text.
///
/// `@safe`: the pointer is made here and freed with its one owner.
@safe struct ParsedAddress: ~Copyable {
  private let address: OpaquePointer

  /// - Throws: `.malformed` if `text` is no address.
  init(_ text: String, family: CInt = AF_UNSPEC) throws(NetlinkError) {
    var parsed: OpaquePointer?
    let code = unsafe nl_addr_parse(text, family, &parsed)
    guard code == 0, let address = unsafe parsed else { throw .malformed("address", text) }
    // libnl also reads addresses of other families, and takes any prefix length.
    let isInternet = unsafe [AF_INET, AF_INET6].contains(nl_addr_get_family(address))
    let bitCount = unsafe nl_addr_get_len(address) * 8
    guard isInternet, unsafe nl_addr_get_prefixlen(address) <= bitCount else {
      unsafe nl_addr_put(address)
      throw .malformed("address", text)
    }
    unsafe self.address = unsafe address
  }

  deinit {
    unsafe nl_addr_put(address)
  }

  var family: CInt { unsafe nl_addr_get_family(address) }

  /// Lends libnl's object.
  borrowing func withPointer<R>(_ body: (OpaquePointer) -> R) -> R {
    unsafe body(address)
  }
}

extension Message {
  /// Takes over the message that one of libnl's builders makes.
  ///
  /// - Parameters:
  ///   - label: says what the message asks for; libnl's own refusal names it as well.
  ///   - build: a call of `rtnl_…_build_…_request`, which returns 0 or a negative number of libnl.
  init(
    label: String, building build: (UnsafeMutablePointer<OpaquePointer?>) -> CInt
  ) throws(NetlinkError) {
    var built: OpaquePointer?
    let code = unsafe build(&built)
    guard code == 0, let message = unsafe built else {
      throw .malformed(label, unsafe String(cString: nl_geterror(code)))
    }
    defer { unsafe nlmsg_free(message) }
    guard let header = unsafe nlmsg_hdr(message) else { throw .malformed(label, "no header") }
    let payload = unsafe UnsafeRawBufferPointer(start: nlmsg_data(header), count: Int(nlmsg_datalen(header)))
    self.init(
      type: unsafe header.pointee.nlmsg_type, flags: unsafe header.pointee.nlmsg_flags,
      payload: unsafe Array(payload), label: label)
  }
}

/// What one of libnl's allocating functions returned.
func allocated(_ object: OpaquePointer?, _ kind: String) throws(NetlinkError) -> OpaquePointer {
  guard let object = unsafe object else {
    throw NetlinkError(SystemError("malloc", kind, .noMemory))
  }
  return unsafe object
}
