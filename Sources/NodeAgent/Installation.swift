package import System
import SystemPackage

/// The one who changes a node: observes it, plans, carries the plan out, and notes it in the journal.
package final class Installation: Sendable {
  /// Where a process may die, for tests.
  package enum Moment: Sendable, Equatable {
    /// The journal says that the step is about to be.
    case marked(Step)
    /// The step is done, and the journal does not say so yet.
    case executed(Step)
    /// The journal says what it is to say after the step.
    case finished(Step)
  }

  private let exchange: FileExchange
  private let lockTimeLimit: Duration
  private let onMoment: @Sendable (Moment) -> Void
  private let comparison = BinaryComparison()

  /// - Parameters:
  ///   - exchange: How files that others write as well are changed.
  ///   - lockTimeLimit: How long to wait for another agent that changes the same node.
  ///   - onMoment: Called at each moment, for tests.
  package init(
    exchange: FileExchange = FileExchange(), lockTimeLimit: Duration = .seconds(30),
    onMoment: @escaping @Sendable (Moment) -> Void = { _ in }
  ) {
    self.exchange = exchange
    self.lockTimeLimit = lockTimeLimit
    self.onMoment = onMoment
  }

  /// What is on the node. Changes nothing.
  ///
  /// - Parameter includingNeed: Whether to look for who may still call the plugin, as a removal must.
  /// - Throws: why the journal cannot be read; what else cannot be read is part of what was found.
  package func observe(_ layout: NodeLayout, includingNeed: Bool = false) throws(SystemError) -> Found {
    try observe(layout, includingNeed: includingNeed, isAlone: false)
  }

  /// - Parameter isAlone: Whether the lock is held, so that no other agent is at work.
  private func observe(_ layout: NodeLayout, includingNeed: Bool, isAlone: Bool) throws(SystemError) -> Found {
    let now = timeSinceEpoch()
    let (journal, fault) = try JournalFile(layout: layout).read()
    var found = Found(folder: nil, journal: journal, journalFault: fault, now: now)
    do throws(SystemError) {
      found.folder = try ConfigurationFolder(path: layout.configurationFolder)
    } catch {
      found.folderError = error.errno == .noSuchFileOrDirectory ? nil : error
    }
    let marked = journal.marks.compactMap { if case .binary(let path) = $0 { path } else { nil } }
    (found.source, found.binaries) = comparison.compare(
      layout.targetBinaries + marked, with: layout.sourceBinary, now: now)
    found.kubeconfig = Self.kubeconfig(layout)
    found.originals = Originals(layout: layout).all()
    found.leftovers = Leftovers.paths(in: layout, journal: journal, now: now, isAlone: isAlone)
    if includingNeed { found.need = RuntimeMemory(layout: layout).need() }
    return found
  }

  private static func kubeconfig(_ layout: NodeLayout) -> Found.Kubeconfig? {
    do throws(SystemError) {
      let identity = try FileIdentity(of: layout.kubeconfig)
      // 1 MiB: an authority, a token and an address take a few thousand bytes.
      return Found.Kubeconfig(bytes: try readFile(layout.kubeconfig, limit: 1 << 20), mode: identity.mode)
    } catch let error where error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory {
      return nil
    } catch {
      // Something that is not what we write.
      return Found.Kubeconfig(bytes: [], mode: 0)
    }
  }

  /// Makes the node as wanted, as far as that can be done now.
  ///
  /// Blocks: on the disk, and for as long as another agent changes the same node.
  package func pass(_ wanted: Wanted) -> PassReport {
    Pass(
      execution: StepExecution(layout: wanted.layout, wanted: wanted, exchange: exchange),
      lockTimeLimit: lockTimeLimit, onMoment: onMoment,
      observe: { (isAlone) throws(SystemError) in
        try self.observe(wanted.layout, includingNeed: false, isAlone: isAlone)
      },
      plan: { Plan(installing: wanted, found: $0) }
    ).run()
  }

  /// Takes everything of ours from the node, as far as that can be done now.
  ///
  /// Blocks as ``pass(_:)``.
  package func remove(_ layout: NodeLayout) -> PassReport {
    Pass(
      execution: StepExecution(layout: layout, wanted: nil, exchange: exchange),
      lockTimeLimit: lockTimeLimit, onMoment: onMoment,
      observe: { (isAlone) throws(SystemError) in
        try self.observe(layout, includingNeed: true, isAlone: isAlone)
      },
      plan: { Plan(removing: layout, found: $0) }
    ).run()
  }
}
