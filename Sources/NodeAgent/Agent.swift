import KubernetesClient
import Logging
import ServiceLifecycle
import System
import UnixSignals

/// The agent: everything that runs on a node, put together.
package struct Agent {
  private let source: SettingsSource
  private let log: AgentLog
  private let logger: Logger

  /// Reads the settings.
  ///
  /// - Throws: a value that is not allowed.
  package init(flags: [String: String], environment: [String: String]) throws(SettingFault) {
    source = try SettingsSource(flags: flags, environment: environment) { settings in
      AgentLog(settings.logsJSON ? .json : .plain, levels: settings.logLevels)
    }
    log = source.log
    logger = log.logger(AgentLog.agentScope)
  }

  /// Keeps the node as wanted until SIGTERM or SIGINT.
  ///
  /// - Throws: what keeps it from starting, with what to do; or what it could not take away in the end.
  package func run() async throws {
    let settings = source.initial
    let health = HealthState(awaiting: ["install"] + (settings.testsItself ? [SelfTestService.check] : []))
    let metrics = Metrics()
    let agentMetrics = AgentMetrics(in: metrics, version: ProgramVersion.text)
    let pluginMetrics = PluginMetrics(in: metrics)
    let repairMetrics = RepairMetrics(in: metrics)
    let server = try HealthServer(
      healthPort: settings.healthPort, monitoringPort: settings.monitoringPort, state: health, metrics: metrics)
    logger.info("install-cni \(ProgramVersion.text) keeps the plugin in \(settings.layout.configurationFolder)")

    let installation = Installation()
    let cluster = connection(settings)
    let pods = PodCache()
    let notices = cluster?.events.map { NoticeEvents($0) }
    // Apart from the agent's own, which say why: a whole node of failing pods must not push those out.
    let podNotices = cluster?.events.map { NoticeEvents($0, capacity: 64) }
    let repair = cluster.map { cluster in
      PodRepair(
        cluster.client, pods, settings: { [source] in source.current.podRepair }, isInstalled: { health.isReady },
        metrics: repairMetrics, logger: logger, announce: { podNotices?.take($0, about: $1) })
    }
    if let cluster { await source.readConfigMap(of: cluster) }
    let guests = PodCache()
    let selfTest = try SelfTestParts(
      settings, cluster, guests: guests, health: health, metrics: agentMetrics, logger: logger,
      announce: { notices?.take($0) })
    let reconciler = try Reconciler(
      settings: { [source, log] in
        let reading = source.read()
        log.setLevels(reading.settings.logLevels)
        repair?.poke()
        return reading
      },
      pass: { wanted in
        let report = installation.pass(wanted)
        selfTest.note(wanted, report)
        return report
      }, health: health, metrics: agentMetrics, logger: logger,
      announce: { notices?.take($0) })

    // They are ended from the last to the first.
    var services: [any Service] = [server]
    services.append(
      Leaving(
        decide: { await cluster?.leaving.decide() }, layout: { [source] in source.read().settings.layout },
        installation: installation, logger: logger))
    for notices in [notices, podNotices].compactMap({ $0 }) { services.append(notices) }
    services.append(
      PluginRecords(
        settings.layout.shared, metrics: pluginMetrics, logger: log.logger(AgentLog.pluginScope),
        agentLogger: logger, announce: { podNotices?.take($0.notice, about: $0.subject) }))
    services.append(PluginLog(settings.layout.shared, log: log))
    if let repair { services.append(repair) }
    if let cluster {
      services.append(cluster.watch)
      if let nodeName = cluster.nodeName {
        services.append(
          PodFactsService(
            cluster.client, nodeName: nodeName, pods, guests: guests, settings.layout.shared, metrics: pluginMetrics,
            logger: logger))
      }
      services.append(TokenWatch(client: cluster.client, health: health, refused: agentMetrics.tokenRefused))
      if settings.configSource == .api {
        services.append(
          ConfigMapWatch(cluster.client, configMap: cluster.configMap, logger: logger) { [source] values in
            source.update(configMap: values)
            reconciler.poke()
          })
      }
    }
    services += selfTest.services
    services.append(StartupMemory(logger: logger))
    services.append(
      AuditService(
        pods, awaitsPods: cluster?.nodeName != nil, metrics: AuditMetrics(in: metrics, repairs: repairMetrics),
        logger: logger, plan: auditPlan,
        announce: { await cluster?.events?.record($0) }))
    services.append(reconciler)
    CurrentProcess.ignoreBrokenPipes()
    var silent = logger
    // What it has to say of signals and services helps nobody who runs this.
    silent.logLevel = .error
    let group = ServiceGroup(
      services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: silent)
    do {
      try await group.run()
    } catch {
      await cluster?.client.shutdown()
      throw error
    }
    await cluster?.client.shutdown()
  }

  private func auditPlan() -> AuditService.Plan? {
    let reading = source.read()
    // A value that the plugin refuses is told where the configuration is written.
    guard let audit = try? reading.audit(programPath: CurrentProcess.environment["PATH"] ?? "") else { return nil }
    return AuditService.Plan(audit: audit, interval: reading.settings.audit.interval)
  }

  /// - Returns: nil, with a line of the log, if the API server cannot be asked.
  private func connection(_ settings: AgentSettings) -> ClusterConnection? {
    do throws(NoConnection) {
      return try ClusterConnection(settings, logger: logger)
    } catch {
      logger.warning("without the API server the plugin stays when the agent ends: \(error)")
      return nil
    }
  }
}
