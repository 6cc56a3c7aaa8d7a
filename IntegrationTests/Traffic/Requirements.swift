import System
import SystemPackage
import Testing

extension Tag {
  /// Needs root: makes namespaces, mounts and rules.
  @Tag static var root: Self
}

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
