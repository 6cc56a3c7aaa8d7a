package import CNI

/// One case of the catalogue: what is done to a plugin, and what must come of it.
package struct ConformanceCase: Sendable {
  /// The id in the catalogue: `INV-01`.
  package let id: String
  package let requirement: Requirement
  /// Which plugins it is for.
  package let roles: Set<Role>
  /// The versions of the specification in which it makes sense.
  package let versions: ClosedRange<SpecVersion>
  /// Whether it is run in each of these versions that the plugin lists, rather than in the newest.
  package let isRepeated: Bool
  /// Where the requirement comes from.
  package let sections: [Section]
  /// What is done.
  package let stimulus: String
  /// What must come of it.
  package let expectation: String
  let decision: Decision

  enum Decision: Sendable {
    /// Returns if the plugin does as expected, and throws a `Discrepancy` if it does not, or an `Inapplicable` if it is
    /// not concerned.
    case judge(@Sendable (Lab) throws -> Void)
    /// Why no program can tell.
    case undecidable(String)
  }

  /// A case that a program can decide.
  init(
    _ id: String, _ requirement: Requirement, _ roles: Set<Role>, in versions: ClosedRange<SpecVersion> = .all,
    each isRepeated: Bool = false, _ sections: [Section], stimulus: String, expectation: String,
    judge: @escaping @Sendable (Lab) throws -> Void
  ) {
    self.id = id
    self.requirement = requirement
    self.roles = roles
    self.versions = versions
    self.isRepeated = isRepeated
    self.sections = sections
    self.stimulus = stimulus
    self.expectation = expectation
    decision = .judge(judge)
  }

  /// A case that no program can decide.
  init(
    _ id: String, _ requirement: Requirement, _ roles: Set<Role>, in versions: ClosedRange<SpecVersion> = .all,
    _ sections: [Section], stimulus: String, expectation: String, undecidable reason: String
  ) {
    self.id = id
    self.requirement = requirement
    self.roles = roles
    self.versions = versions
    isRepeated = false
    self.sections = sections
    self.stimulus = stimulus
    self.expectation = expectation
    decision = .undecidable(reason)
  }

  /// Whether no program can decide it.
  package var isUndecidable: Bool { if case .undecidable = decision { true } else { false } }

  /// Whether the case is for plugins of this role: what holds for chained plugins holds for redirects.
  package func concerns(_ role: Role) -> Bool {
    roles.contains(role) || role == .redirect && roles.contains(.chained)
  }
}

/// What a failed case means.
package enum Requirement: String, Sendable, CaseIterable {
  /// The specification says must, or breaking it breaks every runtime.
  case must = "MUST"
  case should = "SHOULD"
  /// Observed convention, robustness, or what the reference library does.
  case convention = "CONV"
  /// The text says must, and no reference plugin does it today: a known gap, which is no reason to fail a plugin.
  case unmetMust = "MUST†"
  case unmetShould = "SHOULD†"
}

/// What a plugin is for.
package enum Role: String, Sendable, CaseIterable {
  /// Makes an interface.
  case main
  /// Changes what plugins before it have made.
  case chained
  /// Hands out addresses to a main plugin.
  case ipam
  /// A chained plugin that steers a container's traffic to a proxy.
  case redirect
}

extension Set<Role> {
  static let all: Self = [.main, .chained, .ipam, .redirect]
  static let mainAndChained: Self = [.main, .chained]
  static let mainAndIPAM: Self = [.main, .ipam]
}

extension ClosedRange<SpecVersion> {
  static let all = SpecVersion.v0_1_0...SpecVersion.v1_1_0
  static let from0_2 = SpecVersion.v0_2_0...SpecVersion.v1_1_0
  static let from0_3 = SpecVersion.v0_3_0...SpecVersion.v1_1_0
  static let from0_4 = SpecVersion.v0_4_0...SpecVersion.v1_1_0
  static let from1_0 = SpecVersion.v1_0_0...SpecVersion.v1_1_0
  static let only1_1 = SpecVersion.v1_1_0...SpecVersion.v1_1_0
}

/// A part of the CNI specification, by its heading.
package enum Section: String, Sendable {
  case configurationFormat = "Section 1: Configuration format"
  case pluginConfiguration = "Section 1: Plugin configuration objects"
  case versionConsiderations = "Section 1: Version considerations"
  case parameters = "Section 2: Parameters"
  case executionErrors = "Section 2: Errors"
  case add = "Section 2: ADD"
  case delete = "Section 2: DEL"
  case check = "Section 2: CHECK"
  case status = "Section 2: STATUS"
  case version = "Section 2: VERSION"
  case garbageCollection = "Section 2: GC"
  case lifecycle = "Section 3: Lifecycle & Ordering"
  case attachmentParameters = "Section 3: Attachment Parameters"
  case addingAttachment = "Section 3: Adding an attachment"
  case deletingAttachment = "Section 3: Deleting an attachment"
  case checkingAttachment = "Section 3: Checking an attachment"
  case collectingGarbage = "Section 3: Garbage-collecting a network"
  case requestConfiguration = "Section 3: Deriving request configuration from plugin configuration"
  case runtimeConfiguration = "Section 3: Deriving runtimeConfig"
  case delegatedProtocol = "Section 4: Delegated Plugin protocol"
  case delegatedExecution = "Section 4: Delegated plugin execution procedure"
  case addSuccess = "Section 5: ADD Success"
  case delegatedResult = "Section 5: Delegated plugins (IPAM)"
  case versionSuccess = "Section 5: VERSION Success"
  case error = "Section 5: Error"
  /// Said only there.
  case version0_4 = "specification 0.4.0"
  case conventions = "CONVENTIONS.md"
  /// Not in the text: what libcni and skel do.
  case library = "libcni and skel"
}
