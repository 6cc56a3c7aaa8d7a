package import Netlink
package import System

/// A ruleset that could not be applied, read or taken out.
package struct NetfilterError: Error, Sendable, Equatable {
  package enum Code: Sendable, Hashable {
    /// The kernel refused a netlink message.
    case netlink
    /// A system call on the way failed.
    case system
    /// A program of the iptables family is missing, failed, or printed what cannot be read.
    case program
  }

  package let code: Code
  /// What went wrong with what, with the kernel's or the program's own words: one sentence without a full stop.
  package let cause: String
  /// What the kernel said, where it was the kernel.
  package let netlink: NetlinkError?
  /// What became of the rules: `no rule was applied`.
  package let outcome: String

  package init(_ code: Code, _ cause: String, netlink: NetlinkError? = nil, outcome: String = "no rule was applied") {
    self.code = code
    self.cause = cause
    self.netlink = netlink
    self.outcome = outcome
  }

  package init(_ error: NetlinkError) {
    self.init(.netlink, error.description, netlink: error)
  }

  package init(_ error: SystemError) {
    self.init(.system, error.description)
  }
}

extension NetfilterError: CustomStringConvertible {
  package var description: String { "\(cause); \(outcome)" }
}
