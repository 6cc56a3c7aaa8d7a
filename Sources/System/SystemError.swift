import CLinux
import Glibc
package import SystemPackage

/// A system call that failed, with what it was asked to do and to which object.
package struct SystemError: Error, Sendable, Equatable {
  /// The call, or the constant of an `ioctl`: `setns`, `NS_GET_NSTYPE`.
  package let operation: String
  /// What it worked on: a path, a program, an interface.
  package let object: String
  package let errno: Errno

  package init(_ operation: String, _ object: String, _ errno: Errno) {
    self.operation = operation
    self.object = object
    self.errno = errno
  }
}

extension SystemError: CustomStringConvertible {
  /// For example `setns(/run/netns/x) = EPERM (1)`.
  package var description: String { "\(operation)(\(object)) = \(errno.name) (\(errno.rawValue))" }
}

extension Errno {
  /// The constant of the header, `EPERM`; `errno 4095` if the C library knows no such number.
  package var name: String {
    guard let name = unsafe clinux_error_name(rawValue) else { return "errno \(rawValue)" }
    return unsafe String(cString: name)
  }
}

/// Makes a call that returns -1 and sets `errno` on failure, again as long as a signal interrupts it.
///
/// - Throws: the `errno` that is not `EINTR`.
@discardableResult
func retrying<R: SignedInteger>(
  _ operation: String, _ object: @autoclosure () -> String, _ call: () -> R
) throws(SystemError) -> R {
  while true {
    let result = call()
    let errno = Errno(rawValue: Glibc.errno)
    if result != -1 { return result }
    if errno != .interrupted { throw SystemError(operation, object(), errno) }
  }
}
