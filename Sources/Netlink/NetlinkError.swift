package import System
package import SystemPackage

/// A conversation with the kernel that did not go well.
package struct NetlinkError: Error, Sendable, Equatable {
  package enum Code: Sendable, Hashable {
    /// A system call failed, before or after the kernel saw the message.
    case system
    /// The kernel refused the message.
    case kernel
    /// Bytes that break the rules of netlink, or a text that is no address.
    case malformed
    /// No answer in time.
    case timedOut
    /// The table changed under a dump, each time it was tried.
    case interrupted
  }

  package let code: Code
  /// The call, or what was being read.
  package let operation: String
  /// The message's label, or what the call worked on.
  package let object: String
  package let errno: Errno?
  /// What the kernel says in its extended acknowledgement.
  package let kernelText: String?
  /// Where the attribute begins that the kernel objects to: bytes from the start of the message's header.
  package let attributeOffset: Int?

  package init(
    _ code: Code, operation: String, object: String, errno: Errno? = nil, kernelText: String? = nil,
    attributeOffset: Int? = nil
  ) {
    self.code = code
    self.operation = operation
    self.object = object
    self.errno = errno
    self.kernelText = kernelText
    self.attributeOffset = attributeOffset
  }

  package init(_ error: SystemError) {
    self.init(.system, operation: error.operation, object: error.object, errno: error.errno)
  }

  static func malformed(_ operation: String, _ object: String) -> NetlinkError {
    NetlinkError(.malformed, operation: operation, object: object)
  }
}

extension NetlinkError: CustomStringConvertible {
  /// For example `rule 7 of 12 (inbound redirect) = ENOENT (2): expression redir`.
  package var description: String {
    let number = errno.map { " = \($0.name) (\($0.rawValue))" } ?? ""
    let text = kernelText.map { ": \($0)" } ?? ""
    let offset = attributeOffset.map { " (attribute at byte \($0))" } ?? ""
    return switch code {
    case .kernel: "\(object)\(number)\(text)\(offset)"
    case .system: "\(operation)(\(object))\(number)"
    case .malformed: "\(operation)(\(object)): malformed"
    case .timedOut: "\(object): no answer from the kernel in time"
    case .interrupted: "\(object): changed each time it was read"
    }
  }
}

/// Makes the errors of `System` ours.
func asNetlinkError<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(NetlinkError) -> R {
  do throws(SystemError) {
    return try body()
  } catch {
    throw NetlinkError(error)
  }
}
