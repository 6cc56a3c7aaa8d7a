import ArgumentParser
import Harness
import Netfilter
import Redirect
import Stage
import System
import TruthTables

/// Breaks the redirect in every way it knows, one at a time, and asks the truth tables' questions with real packets: a
/// mutant that no question catches shows a rule, or a part of one, that nobody would miss.
@main
struct Mutants: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mutants", abstract: "Count the broken rulesets that live traffic catches.",
    discussion: "Must be run as root. Everything happens in namespaces of its own. Exits with 1 if a mutant survives.")

  @Flag(help: "Print a line for each mutant that was killed or is equivalent, too.")
  var verbose = false

  @Option(help: "Only mutants whose place or change contains this text.")
  var only: String?

  func run() throws {
    var total = Tally()
    for configuration in Configuration.rich {
      let tally = try tally(configuration)
      say("\(configuration): \(tally)")
      total += tally
    }
    say("mutants: \(total)")
    if total.survived > 0 { throw ExitCode.failure }
  }

  /// At once, for whoever follows a run that takes minutes.
  private func say(_ line: String) {
    // A reader that went away is nobody's loss.
    try? CurrentProcess.writeStandardOutput(Array("\(line)\n".utf8))
  }

  private func tally(_ configuration: Configuration) throws -> Tally {
    let ruleset = Ruleset(configuration.policy, hasIPv6: true)
    let table = Question.table(configuration)
    let mutants = ruleset.mutants.filter { only.map("\(configuration) \($0.place): \($0.change)".contains) ?? true }
    // A mutant's run is mostly waiting for what nobody answers, so more run at a time than there are cores.
    let fates = try inParallel(mutants.count, threads: 8) { index in
      let mutant = mutants[index]
      let fate = try fate(of: mutant, ruleset, configuration, table)
      if verbose || fate == .survived { say("  \(fate): \(mutant.place): \(mutant.change)") }
      return fate
    }
    return fates.reduce(into: Tally()) { $0.count($1) }
  }

  private func fate(
    of mutant: Mutant, _ ruleset: Ruleset, _ configuration: Configuration, _ table: [Question]
  ) throws -> Fate {
    if let reason = mutant.equivalence ?? unseen(mutant, ruleset, configuration, table) { return .equivalent(reason) }
    if let witness = try witness(against: mutant, configuration, table) { return .killed(witness) }
    return Equivalence.reason(for: mutant).map { .equivalent($0) } ?? .survived
  }

  /// Why nobody can see a mutant: to packets of every kind its stage does what it should. Zones have effects that the
  /// tracer does not know of, but what gets the same zone fares alike.
  private func unseen(
    _ mutant: Mutant, _ ruleset: Ruleset, _ configuration: Configuration, _ table: [Question]
  ) -> String? {
    guard let stage = mutant.stage else { return nil }
    let right = ruleset.only(stage)
    let wrong = mutant.ruleset.only(stage)
    let differs = { (packet: Packet) in
      [true, false].contains { listens in
        !Trace(packet, through: right, proxyListens: listens).isLike(
          Trace(packet, through: wrong, proxyListens: listens))
      }
    }
    let isSeen = table.contains { differs($0.packet) } || PacketClasses(right, wrong).first(where: differs) != nil
    return isSeen ? nil : "its stage does the same to packets of every kind"
  }

  /// What gives the mutant away, or nil. The tracer says which questions promise most; real packets decide.
  private func witness(
    against mutant: Mutant, _ configuration: Configuration, _ table: [Question]
  ) throws -> String? {
    if let witness = try witness(against: mutant.ruleset, on: Stage(configuration), configuration, table) {
      return witness
    }
    guard mutant.stage == .mangle else { return nil }
    let unattended = Configuration(configuration.name, configuration.policy, proxyListens: false)
    let oracle = Oracle(unattended)
    if let witness = try witness(
      against: mutant.ruleset, on: Stage(unattended), unattended,
      table.filter { oracle.answer($0.packet) == .dropped })
    {
      return "with no proxy, \(witness)"
    }
    let witness = try witness(
      against: mutant.ruleset, on: Stage(configuration, acceptsMarks: true), configuration,
      table.filter { $0.packet.origin == .outside && $0.packet.isForPod })
    return witness.map { "where accepted sockets take marks, \($0)" }
  }

  private func witness(
    against mutant: Ruleset, on stage: Stage, _ configuration: Configuration, _ table: [Question]
  ) throws -> String? {
    defer { stage.close() }
    do throws(NetfilterError) {
      try PodRedirect.apply(mutant, in: stage.pod)
    } catch {
      return "refused by the kernel: \(error.cause)"
    }
    let oracle = Oracle(configuration)
    let differs = { (question: Question) in
      Trace(question.packet, through: mutant, proxyListens: configuration.proxyListens).end
        != oracle.answer(question.packet)
    }
    // Where two senders share a port the tracer knows less than where each is alone.
    let pairs = table.filter { $0.before != nil && !differs($0) }
    let others = table.filter { $0.before == nil && !differs($0) }
    for question in table.filter(differs) + pairs + others {
      let discrepancy = try stage.discrepancy(question, expecting: oracle.answer(question.packet))
      if let discrepancy { return discrepancy }
    }
    return nil
  }
}

extension Ruleset {
  /// The ruleset without the chains of other stages.
  fileprivate func only(_ stage: Chain.Stage) -> Ruleset {
    var ruleset = self
    ruleset.chains.removeAll { $0.stage != stage }
    let names = ruleset.chains.flatMap(\.rules).flatMap(\.matches).compactMap(\.setName)
    ruleset.sets.removeAll { !names.contains($0.name) }
    return ruleset
  }
}

extension Trace {
  /// Whether all that a packet takes with it is the same.
  fileprivate func isLike(_ other: Trace) -> Bool {
    end == other.end && mark == other.mark && connectionMark == other.connectionMark && zone == other.zone
  }
}

/// What became of a mutant.
private enum Fate: Equatable, Sendable, CustomStringConvertible {
  /// By this answer.
  case killed(String)
  /// For this reason.
  case equivalent(String)
  case survived

  var description: String {
    switch self {
    case .killed(let witness): "killed (\(witness))"
    case .equivalent(let reason): "equivalent (\(reason))"
    case .survived: "SURVIVED"
    }
  }
}

/// How a number of mutants fared.
private struct Tally: CustomStringConvertible {
  var killed = 0
  var survived = 0
  var equivalent = 0

  mutating func count(_ fate: Fate) {
    switch fate {
    case .killed: killed += 1
    case .equivalent: equivalent += 1
    case .survived: survived += 1
    }
  }

  static func += (left: inout Tally, right: Tally) {
    left.killed += right.killed
    left.survived += right.survived
    left.equivalent += right.equivalent
  }

  var description: String {
    "\(killed)/\(killed + survived) killed, \(survived) survived, \(equivalent) equivalent"
  }
}
