/// The number of an interface in its namespace.
package struct InterfaceIndex: Sendable, Hashable {
  package let rawValue: CInt

  package init(rawValue: CInt) {
    self.rawValue = rawValue
  }

  /// `lo`: the first interface of each namespace (`LOOPBACK_IFINDEX` in the kernel).
  package static let loopback = InterfaceIndex(rawValue: 1)
}

extension InterfaceIndex: CustomStringConvertible {
  package var description: String { "interface \(rawValue)" }
}
