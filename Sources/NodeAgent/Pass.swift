import System
import SystemPackage

/// One time through: take turns with other agents, observe, plan, execute and note, observe and plan again.
struct Pass {
  let execution: StepExecution
  let lockTimeLimit: Duration
  let onMoment: @Sendable (Installation.Moment) -> Void
  /// Observes the node; `isAlone` says whether the lock is held.
  let observe: (_ isAlone: Bool) throws(SystemError) -> Found
  let plan: (Found) -> Plan

  private var layout: NodeLayout { execution.layout }
  private var file: JournalFile { JournalFile(layout: layout) }
  /// Nothing is wanted of a node that is left.
  private var isLeaving: Bool { execution.wanted == nil }

  func run() -> PassReport {
    do throws(StepFailure) {
      let lock = try lock()
      let report = change()
      lock.release()
      return report
    } catch {
      return report(withoutLock: error)
    }
  }

  private func lock() throws(StepFailure) -> LockFile {
    do throws(SystemError) {
      try file.prepare()
      return try LockFile.take(file.lock, timeLimit: lockTimeLimit)
    } catch let error where error.errno == .wouldBlock {
      throw StepFailure(lockedOut: file.lock, after: lockTimeLimit)
    } catch {
      throw StepFailure(noting: "take the lock \(file.lock)", error, in: layout)
    }
  }

  /// Without the lock nothing is changed. Whether that matters depends on what there is to do.
  private func report(withoutLock failure: StepFailure) -> PassReport {
    do throws(SystemError) {
      let found = try observe(false)
      let plan = plan(found)
      // Where the folder of configurations is missing there is no place for the lock, and the plan says so already.
      let isExplained = found.folder == nil && !plan.obstacles.isEmpty
      return PassReport(executed: [], failure: plan.steps.isEmpty || isExplained ? nil : failure, remaining: plan)
    } catch {
      return PassReport(executed: [], failure: failure, remaining: .unknown)
    }
  }

  // MARK: With the lock

  private func change() -> PassReport {
    var executed: [Step] = []
    do throws(StepFailure) {
      let found = try found()
      let plan = plan(found)
      var journal = found.journal
      let failure = execute(plan, &journal, &executed)
      let isUntouched = executed.isEmpty && failure == nil
      let after = isUntouched ? found : try self.found()
      let remaining = isUntouched ? plan : self.plan(after)
      let putRight = plan.warnings.filter { !remaining.warnings.contains($0) }
      let report = PassReport(executed: executed, failure: failure, remaining: remaining, warnings: putRight)
      return report.isHealthy ? tidy(report, after) : report
    } catch {
      return PassReport(executed: executed, failure: error, remaining: .unknown)
    }
  }

  private func found() throws(StepFailure) -> Found {
    do throws(SystemError) {
      return try observe(true)
    } catch {
      throw StepFailure(noting: "read the journal \(layout.journal)", error, in: layout)
    }
  }

  /// Carries the steps out in order, up to the first that fails.
  private func execute(_ plan: Plan, _ journal: inout Journal, _ executed: inout [Step]) -> StepFailure? {
    var failure: StepFailure?
    for step in plan.steps {
      do throws(StepFailure) {
        try execute(step, &journal)
        executed.append(step)
      } catch {
        failure = failure ?? error
        // Nothing depends on its being tidy.
        if case .removeLeftover = step { continue }
        return failure
      }
    }
    return failure
  }

  private func execute(_ step: Step, _ journal: inout Journal) throws(StepFailure) {
    var next = journal
    next.isLeaving = isLeaving
    next.begin(step, in: layout)
    try note(next, over: &journal, step)
    onMoment(.marked(step))
    let outcome: FileExchange.Outcome
    do throws(SystemError) {
      outcome = try execution.execute(step)
    } catch {
      throw StepFailure(step, error, in: layout)
    }
    guard outcome == .done else { throw StepFailure(changedMeanwhile: step, in: layout) }
    onMoment(.executed(step))
    next.finish(step, in: layout)
    try note(next, over: &journal, step)
    onMoment(.finished(step))
  }

  private func note(_ next: Journal, over journal: inout Journal, _ step: Step?) throws(StepFailure) {
    if next == journal { return }
    try write(next, step)
    journal = next
  }

  private func write(_ journal: Journal, _ step: Step?) throws(StepFailure) {
    do throws(SystemError) {
      try file.write(journal)
    } catch {
      throw StepFailure(noting: "write the journal \(layout.journal)", error, before: step, in: layout)
    }
  }

  // MARK: Once the node is as wanted

  /// Makes the notes say what there is: all of it, also what was lost with a broken journal, and nothing else.
  private func tidy(_ report: PassReport, _ found: Found) -> PassReport {
    do throws(StepFailure) {
      let wanted = execution.wanted
      let standing = found.standing(in: layout, ownName: wanted?.placement.ownName)
      if isLeaving, standing.isEmpty {
        try remove()
      } else {
        let journal = Journal(marks: standing, isLeaving: isLeaving)
        if journal != found.journal || found.journalFault != nil { try write(journal, nil) }
        try removeOriginals(unknownTo: journal, found)
      }
      return report
    } catch {
      return PassReport(
        executed: report.executed, failure: error, remaining: report.remaining, warnings: report.warnings)
    }
  }

  private func removeOriginals(unknownTo journal: Journal, _ found: Found) throws(StepFailure) {
    let known = Set(journal.marks.compactMap { if case .entry(_, let original?) = $0 { original } else { nil } })
    for name in found.originals.keys where !known.contains(name) {
      do throws(SystemError) {
        try Originals(layout: layout).remove(name)
      } catch {
        throw StepFailure(noting: "remove \(layout.originals)/\(name)", error, in: layout)
      }
    }
  }

  private func remove() throws(StepFailure) {
    do throws(SystemError) {
      try file.remove()
    } catch {
      throw StepFailure(noting: "remove \(layout.stateFolder)", error, in: layout)
    }
  }
}

extension Plan {
  /// When it cannot be told what is there.
  fileprivate static let unknown = Plan(steps: [], obstacles: [], warnings: [], primary: nil)
}
