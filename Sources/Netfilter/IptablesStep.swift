import Redirect
import System

/// A script for one family through one flavour's programs, and what was there before it.
struct IptablesStep: Sendable {
  let programs: IptablesPrograms
  let family: IPFamily
  let before: IptablesSnapshot
  let script: String

  /// Nil if nothing is to be done.
  init?(
    _ programs: IptablesPrograms, _ family: IPFamily, from before: IptablesSnapshot, to wanted: IptablesSnapshot
  ) {
    guard let script = before.script(to: wanted) else { return nil }
    self.programs = programs
    self.family = family
    self.before = before
    self.script = script
  }

  /// The steps that take out what is ours.
  static func removal(of observation: IptablesObservation) -> [IptablesStep] {
    IPFamily.allCases.compactMap { family in
      observation.snapshots[family].flatMap {
        IptablesStep(observation.programs, family, from: $0, to: IptablesSnapshot())
      }
    }
  }
}

extension IptablesSandbox {
  borrowing func take(_ step: IptablesStep, in namespace: borrowing NetworkNamespace) throws(NetfilterError) {
    try restore(step.script, step.family, step.programs, in: namespace)
  }

  /// Puts back what was there before `steps`, of which the last may be half done, and tells what became of the rules.
  borrowing func undo(
    _ steps: [IptablesStep], in namespace: borrowing NetworkNamespace
  ) -> (outcome: String, isComplete: Bool) {
    var isUndone = false
    var failures: [String] = []
    for step in steps.reversed() {
      do throws(NetfilterError) {
        let now = try tables(step.family, step.programs, in: namespace).get()
        guard let script = now.script(to: step.before) else { continue }
        try restore(script, step.family, step.programs, in: namespace)
        isUndone = true
      } catch {
        failures.append("\(step.family): \(error.cause)")
      }
    }
    if !failures.isEmpty {
      return ("a part of the rules was applied, and undoing it failed (\(failures.joined(separator: "; ")))", false)
    }
    return (isUndone ? "what was applied before that was undone" : "no rule was applied", true)
  }
}
