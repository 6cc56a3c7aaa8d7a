package import Logging
import ServiceLifecycle
import System

/// Audits the node's pods: when they are known, when one comes, and every so often.
package struct AuditService: Service {
  /// What an audit goes by at the moment.
  package struct Plan: Sendable {
    let audit: PodAudit
    /// Between two audits of all pods; nil: there are none at all.
    let interval: Duration?
  }

  private let pods: PodCache
  private let awaitsPods: Bool
  private let plan: @Sendable () -> Plan?
  private let metrics: AuditMetrics
  private let logger: Logger
  private let announce: @Sendable (AuditFinding) async -> Void

  /// How long the pods that come together are waited for.
  private static let debounce = Duration.milliseconds(500)
  /// How long the API server is waited for before records must do.
  private static let patience = Duration.seconds(20)
  /// How often it is looked whether audits are wanted by now.
  private static let idleInterval = Duration.seconds(60)

  /// - Parameters:
  ///   - awaitsPods: Whether somebody keeps the cache.
  ///   - plan: reads the settings; nil while nothing can be told by them. It may block.
  ///   - announce: called for each pod that was repaired, or could not be, for Events.
  package init(
    _ pods: PodCache, awaitsPods: Bool, metrics: AuditMetrics, logger: Logger, plan: @escaping @Sendable () -> Plan?,
    announce: @escaping @Sendable (AuditFinding) async -> Void
  ) {
    self.pods = pods
    self.awaitsPods = awaitsPods
    self.metrics = metrics
    self.logger = logger
    self.plan = plan
    self.announce = announce
  }

  /// Audits until the agent shuts down.
  ///
  /// - Throws: ``SystemError`` if there can be no thread.
  package func run() async throws {
    let thread = try ThreadExecutor.start()
    defer { thread.stop() }
    let auditor = Auditor(on: thread, pods, plan, metrics, logger)
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await followPods(with: auditor) }
        group.addTask { await keepLooking(with: auditor) }
        await group.waitForAll()
      }
    }
  }

  /// Looks at all pods as soon as they are known, and then at those that come.
  private func followPods(with auditor: Auditor) async {
    for await _ in pods.changes() {
      await tell(await auditor.lookAtNewPods())
      // It throws when the agent ends, and so does the loop. What happens meanwhile is told once.
      try? await Task.sleep(for: Self.debounce)
    }
  }

  private func keepLooking(with auditor: Auditor) async {
    // As everywhere here: it throws when the agent ends.
    if awaitsPods { try? await Task.sleep(for: min(Self.patience, await auditor.interval ?? Self.patience)) }
    var isDue = await !auditor.hasLookedAtAll
    while !Task.isCancelled {
      if isDue { await tell(await auditor.lookAtAll()) }
      let interval = await auditor.interval
      isDue = interval != nil
      // Nodes that were started together must not stay together.
      try? await Task.sleep(for: (interval ?? Self.idleInterval) * Double.random(in: 0.9...1.1))
    }
  }

  private func tell(_ findings: [AuditFinding]) async {
    for finding in findings where finding.repair != nil { await announce(finding) }
  }
}

/// Audits on a thread where it may block, and remembers what was found.
actor Auditor {
  private let thread: ThreadExecutor
  private let pods: PodCache
  private let plan: @Sendable () -> AuditService.Plan?
  private let metrics: AuditMetrics
  private let logger: Logger

  private var findings: [String: AuditFinding] = [:]
  /// The pods, with their addresses, that were looked at once.
  private var seen: Set<[String]> = []
  private(set) var hasLookedAtAll = false
  private var fault: SystemError?

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(
    on thread: ThreadExecutor, _ pods: PodCache, _ plan: @escaping @Sendable () -> AuditService.Plan?,
    _ metrics: AuditMetrics, _ logger: Logger
  ) {
    self.thread = thread
    self.pods = pods
    self.plan = plan
    self.metrics = metrics
    self.logger = logger
  }

  /// As it is set now; nil: no audits.
  var interval: Duration? { plan()?.interval }

  /// Looks at every pod.
  ///
  /// - Returns: What was found.
  func lookAtAll() -> [AuditFinding] {
    let entries = pods.all
    return look(at: entries, isAll: true)
  }

  /// Looks at those that have got addresses since the last look; all of them at first.
  func lookAtNewPods() -> [AuditFinding] {
    guard let entries = pods.all else { return [] }
    if !hasLookedAtAll { return look(at: entries, isAll: true) }
    let known = Set(entries.map(\.sighting))
    seen.formIntersection(known)
    let new = entries.filter { !$0.isEnding && !$0.addresses.isEmpty && !seen.contains($0.sighting) }
    return new.isEmpty ? [] : look(at: new, isAll: false)
  }

  private func look(at entries: [PodEntry]?, isAll: Bool) -> [AuditFinding] {
    guard let plan = plan(), plan.interval != nil else { return [] }
    let start = ContinuousClock.now
    let found: [AuditFinding]
    do throws(SystemError) {
      found = try plan.audit.run(entries)
      fault = nil
    } catch {
      if fault != error {
        logger.warning(
          "the node's pods cannot be audited: \(error); it takes CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_SYS_PTRACE")
      }
      fault = error
      return []
    }
    metrics.auditDuration.observe(.now - start)
    if isAll { hasLookedAtAll = true }
    seen.formUnion((entries ?? []).filter { !$0.isEnding && !$0.addresses.isEmpty }.map(\.sighting))
    take(found, isAll: isAll)
    return found
  }

  private func take(_ found: [AuditFinding], isAll: Bool) {
    var current = isAll ? [:] : findings
    for finding in found {
      if let repair = finding.repair { metrics.count(repair) }
      tell(finding, after: findings[finding.key])
      current[finding.key] = finding
    }
    findings = current
    metrics.take(Array(findings.values))
  }

  /// One line for what is not as it was. Each repair that was made is told.
  private func tell(_ finding: AuditFinding, after former: AuditFinding?) {
    let isSame = former?.standing == finding.standing && former?.detail == finding.detail
    if isSame, finding.repair == former?.repair, finding.repair != .success { return }
    let detail = finding.detail.isEmpty ? "" : " (\(finding.detail))"
    let text = "the redirect of pod \(finding.pod): \(finding.state.rawValue)\(detail)"
    switch finding.repair {
    case .success: logger.info("\(text); repaired in place")
    case .failure(let reason): logger.error("\(text); not repaired: \(reason)")
    case .skip(let reason): logger.warning("\(text); left alone: \(reason)")
    case nil where finding.state != .ok: logger.warning("\(text)")
    case nil:
      if former.map({ $0.standing != .ok }) == true { logger.info("\(text)") }
    }
  }
}

extension PodEntry {
  /// Differs when the pod is another one, or has got another sandbox.
  fileprivate var sighting: [String] { [uid] + addresses }
}
