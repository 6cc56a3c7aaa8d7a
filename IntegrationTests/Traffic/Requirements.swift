import Harness
import System
import SystemPackage
import Testing

extension Tag {
  /// Needs root: makes namespaces, mounts and rules.
  @Tag static var root: Self
}

// Time limits of suites are long: all tests begin at once, and most of their time is waiting for a thread. They end what
// would never end, and measure nothing.

/// What a suite needs of the machine, found out by trying it once.
struct Requirement: Sendable {
  let name: String
  /// Why it is not there, or nil.
  let missing: String?

  private init(_ name: String, trying attempt: () throws(SystemError) -> Void) {
    self.name = name
    do throws(SystemError) {
      try attempt()
      missing = nil
    } catch {
      missing = "\(name): \(error)"
    }
  }

  /// Network and mount namespaces of our own.
  static let namespaces = Requirement("namespaces") { () throws(SystemError) in
    _ = try NetworkNamespace.create()
    _ = try MountNamespace.create()
  }

  /// strace, which may trace, and stop calls from happening.
  static let tracing = Requirement("strace") { () throws(SystemError) in
    let outcome = try runChild(
      "/usr/bin/strace",
      arguments: ["-f", "-qq", "-e", "inject=rename:signal=KILL:when=1", "/bin/true"],
      environment: [:], timeLimit: .seconds(20))
    if outcome.status != .exited(0) { throw SystemError("trace", "/bin/true", .notPermitted) }
  }

  /// Envoy, as the proxy's user with CAP_NET_ADMIN.
  static let envoy = Requirement("Envoy") { () throws(SystemError) in try EnvoyProxy.tryOut(envoyPath()) }

  /// Both flavours of iptables, for both families, with a kernel that serves them.
  static let iptables = Requirement("iptables") { () throws(SystemError) in
    let namespace = try NetworkNamespace.create()
    for program in ["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"] {
      let outcome = try namespace.run { () throws(SystemError) in
        try runChild(
          "/usr/sbin/\(program)", arguments: ["-t", "nat", "-S"],
          environment: ["XTABLES_LOCKFILE": "/proc/self/ns/net"], timeLimit: .seconds(20))
      }
      if outcome.status != .exited(0) { throw SystemError("-t nat -S", program, .notSupported) }
    }
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips the test where the machine cannot run it; with `REQUIRE_ROOT_TESTS=1`, as in CI, the test fails there.
  static func requires(_ requirement: Requirement) -> Self {
    let isOptional = CurrentProcess.environment["REQUIRE_ROOT_TESTS"] != "1"
    return .enabled("\(requirement.missing ?? requirement.name)") {
      guard let missing = requirement.missing else { return true }
      if isOptional { return false }
      // A condition that throws is recorded as an issue.
      throw MissingRequirement(description: missing)
    }
  }
}

private struct MissingRequirement: Error, CustomStringConvertible {
  let description: String
}
