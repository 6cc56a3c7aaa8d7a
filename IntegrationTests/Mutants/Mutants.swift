import ArgumentParser
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
    var tally = Tally()
    for mutant in ruleset.mutants {
      let text = "\(mutant.place): \(mutant.change)"
      if let only, !"\(configuration) \(text)".contains(only) { continue }
      let reason = mutant.equivalence ?? unseen(mutant, ruleset, configuration, table)
      if let reason {
        tally.equivalent += 1
        if verbose { say("  equivalent: \(text): \(reason)") }
      } else if let witness = try witness(against: mutant, configuration, table) {
        tally.killed += 1
        if verbose { say("  killed: \(text): \(witness)") }
      } else if let reason = Equivalence.reason(for: mutant) {
        tally.equivalent += 1
        if verbose { say("  equivalent: \(text): \(reason)") }
      } else {
        tally.survived += 1
        say("  SURVIVED: \(text)")
      }
    }
    return tally
  }

  /// Why nobody can see a mutant of the NAT chains: packets of every kind end where they should. Marks and zones have
  /// effects beyond a packet's end, so of the other chains only real packets tell.
  private func unseen(
    _ mutant: Mutant, _ ruleset: Ruleset, _ configuration: Configuration, _ table: [Question]
  ) -> String? {
    guard mutant.isOfNAT, !table.contains(where: { differs($0.packet, mutant, ruleset, configuration) }) else {
      return nil
    }
    let witness = PacketClasses(ruleset, mutant.ruleset).first { differs($0, mutant, ruleset, configuration) }
    if let witness { say("  the tables should ask about \(witness)") }
    return witness == nil ? "packets of every kind end where they should" : nil
  }

  private func differs(
    _ packet: Packet, _ mutant: Mutant, _ ruleset: Ruleset, _ configuration: Configuration
  ) -> Bool {
    let ends = [ruleset, mutant.ruleset].map {
      Trace(packet, through: $0, proxyListens: configuration.proxyListens).end
    }
    return ends[0] != ends[1]
  }

  /// What gives the mutant away, or nil. The tracer says which questions promise most; real packets decide.
  private func witness(
    against mutant: Mutant, _ configuration: Configuration, _ table: [Question]
  ) throws -> String? {
    let stage = try Stage(configuration)
    defer { stage.close() }
    do throws(NetfilterError) {
      try PodRedirect.apply(mutant.ruleset, in: stage.pod)
    } catch {
      return "refused by the kernel: \(error.cause)"
    }
    let oracle = Oracle(configuration)
    let promising = table.filter { question in
      Trace(question.packet, through: mutant.ruleset, proxyListens: configuration.proxyListens).end
        != oracle.answer(question.packet)
    }
    for question in promising + (mutant.isOfNAT ? [] : table.sorted { ($0.before != nil) && ($1.before == nil) }) {
      let discrepancy = try stage.discrepancy(question, expecting: oracle.answer(question.packet))
      if let discrepancy { return discrepancy }
    }
    return nil
  }
}

/// How a number of mutants fared.
private struct Tally: CustomStringConvertible {
  var killed = 0
  var survived = 0
  var equivalent = 0

  static func += (left: inout Tally, right: Tally) {
    left.killed += right.killed
    left.survived += right.survived
    left.equivalent += right.equivalent
  }

  var description: String {
    "\(killed)/\(killed + survived) killed, \(survived) survived, \(equivalent) equivalent"
  }
}
