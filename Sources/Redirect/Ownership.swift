/// The user a socket belongs to, as the kernel's owner match sees it.
package struct UserID: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package init(_ value: UInt32) { rawValue = value }
  package var description: String { String(rawValue) }
}

/// The group a socket belongs to, as the kernel's owner match sees it.
package struct GroupID: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package init(_ value: UInt32) { rawValue = value }
  package var description: String { String(rawValue) }
}
