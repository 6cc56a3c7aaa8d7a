package import Netlink
package import Redirect
package import System

/// The programs of iptables, for kernels whose nf_tables cannot do what the other back end needs.
///
/// They commit a table at a time, and one family after the other. After a failure what was committed is put back as it
/// was. A process that is killed in between leaves a part of the rules; the next `apply` replaces it.
package struct IptablesBackend: Backend {
  private let folders: [String]
  private let flavour: IptablesFlavour?
  private let timeLimit: Duration
  private let note: @Sendable (String) -> Void

  /// - Parameters:
  ///   - folders: where programs are looked for first, such as those of `PATH`.
  ///   - usualFolders: where they are looked for then.
  ///   - flavour: nil chooses one in each namespace.
  ///   - timeLimit: for each run of a program.
  ///   - note: gets a line for the log when rules are applied: which flavour and why, and whether IPv6 was left out.
  package init(
    folders: [String], usualFolders: [String] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"],
    flavour: IptablesFlavour? = nil, timeLimit: Duration = .seconds(10),
    note: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.folders = (folders + usualFolders).filter { $0.hasPrefix("/") }
    self.flavour = flavour
    self.timeLimit = timeLimit
    self.note = note
  }

  package var name: String { flavour.map { "\($0)" } ?? "iptables" }

  /// Whether it can, its programs say when they are run.
  package func refusal(in namespace: borrowing NetworkNamespace) throws(NetfilterError) -> NetlinkError? { nil }

  package func apply(_ ruleset: Ruleset, in namespace: borrowing NetworkNamespace) throws(NetfilterError) {
    let sandbox = try IptablesSandbox(folders: folders, timeLimit: timeLimit, in: namespace)
    let choice = try choose(through: sandbox, in: namespace)
    note("\(choice)")
    // All is computed before anything is touched.
    var steps: [IptablesStep] = []
    for family in IPFamily.allCases {
      switch choice.chosen.families[family] {
      case .success(let before)?:
        let wanted = IptablesSnapshot(ruleset, family)
        if let step = IptablesStep(choice.chosen.programs, family, from: before, to: wanted) { steps.append(step) }
      case .failure(let error)?:
        guard isDispensable(family, ruleset, namespace) else { throw error }
        note("\(family) is left out: \(error.cause)")
      case nil: continue
      }
    }
    steps += choice.strays.flatMap(IptablesStep.removal)
    for (index, step) in steps.enumerated() {
      do throws(NetfilterError) {
        try sandbox.take(step, in: namespace)
      } catch {
        if isDispensable(step.family, ruleset, namespace), sandbox.undo([step], in: namespace).isComplete {
          note("\(step.family) is left out: \(error.cause)")
          continue
        }
        let outcome = sandbox.undo(Array(steps[...index]), in: namespace).outcome
        throw NetfilterError(error.code, error.cause + Self.explanation(namespace), outcome: outcome)
      }
    }
  }

  package func remove(from namespace: borrowing NetworkNamespace) throws(NetfilterError) {
    let sandbox = try IptablesSandbox(folders: folders, timeLimit: timeLimit, in: namespace)
    let choice = try choose(through: sandbox, in: namespace)
    var failure: NetfilterError?
    for step in ([choice.chosen] + choice.strays).flatMap(IptablesStep.removal) {
      do throws(NetfilterError) {
        try sandbox.take(step, in: namespace)
      } catch {
        failure = failure ?? NetfilterError(error.code, error.cause, outcome: "a part of the rules may be left")
      }
    }
    if let failure { throw failure }
  }

  package func drift(
    from ruleset: Ruleset, in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) -> [Difference] {
    let sandbox = try IptablesSandbox(folders: folders, timeLimit: timeLimit, in: namespace)
    let choice = try choose(through: sandbox, in: namespace)
    var differences = choice.strays.map { Difference(.extra, "chains of \($0.flavour)") }
    for family in IPFamily.allCases {
      switch choice.chosen.families[family] {
      case .success(let found)?:
        // What `apply` may leave out cannot be told from what somebody took away, and nobody misses it.
        if !found.hasOurs, isDispensable(family, ruleset, namespace) { continue }
        differences += found.differences(from: IptablesSnapshot(ruleset, family), family)
      case .failure(let error)?:
        guard isDispensable(family, ruleset, namespace) else { throw error }
      case nil: continue
      }
    }
    return differences
  }

  /// Looks for the programs, and runs none.
  ///
  /// - Throws: if there are none of either flavour.
  package func requirePrograms() throws(NetfilterError) {
    // Which flavour programs without one in their names are does not matter here.
    let found = try IptablesPrograms.all(in: folders, isExecutable: isExecutable) { _ in "" }
    if found.isEmpty { throw NetfilterError.noPrograms(in: folders) }
  }

  private func choose(
    through sandbox: borrowing IptablesSandbox, in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) -> IptablesChoice {
    let programs = try IptablesPrograms.all(in: folders, isExecutable: isExecutable) { (path) throws(NetfilterError) in
      try sandbox.version(of: path, in: namespace)
    }
    var observations: [IptablesObservation] = []
    for programs in programs where flavour == nil || flavour == programs.flavour {
      var families: [IPFamily: Result<IptablesSnapshot, NetfilterError>] = [:]
      for family in IPFamily.allCases { families[family] = try sandbox.tables(family, programs, in: namespace) }
      observations.append(IptablesObservation(programs: programs, families: families))
    }
    return try IptablesChoice(among: observations, in: folders)
  }

  /// Whether the pod does without rules for a family: it has no address of it. The kernel need not have iptables for
  /// IPv6.
  private func isDispensable(
    _ family: IPFamily, _ ruleset: Ruleset, _ namespace: borrowing NetworkNamespace
  ) -> Bool {
    if family == .v4 || ruleset.requiresIPv6 { return false }
    do throws(NetlinkError) {
      let route = try NetlinkSocket.open(.route, in: namespace)
      return try !Addresses.list(through: route).contains(where: \.isUsedIPv6)
    } catch {
      // Whoever cannot tell must take it for needed.
      return false
    }
  }

  /// What the programs don't say of a refusal: to them it is an invalid argument.
  private static func explanation(_ namespace: borrowing NetworkNamespace) -> String {
    // Without an answer there is nothing to explain.
    guard (try? namespace.belongsToOtherUsers()) == true else { return "" }
    return "; the namespace belongs to another user namespace, from outside of which the kernel refuses owner matches"
  }
}
