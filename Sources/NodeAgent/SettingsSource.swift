import Kubernetes
import Logging
import Synchronization
import System

/// Where the settings come from while the agent runs: flags and environment that stay, a ConfigMap and the
/// ServiceAccount's files that change.
///
/// Each ``read()`` looks at everything again. Settings that are not allowed never take effect: the last good ones stay.
package final class SettingsSource: Sendable {
  /// The settings at the start; those of ``Setting/Use/atStart`` hold until the end.
  package let initial: AgentSettings

  private let flags: [String: String]
  private let environment: [String: String]
  /// Values of the first ConfigMap for settings that are read at start only.
  private let pinned: [String: String]
  /// As the settings of the start want it.
  let log: AgentLog
  let logger: Logger
  private let state: Mutex<State>

  private struct State {
    var configMap: [String: String]
    var settings: AgentSettings
    var kubeconfig: [UInt8]?
    var namespace: String?
    var notice = Notice()
  }

  /// What was logged, so that it is logged once.
  private struct Notice: Equatable {
    var unknownKeys: Set<String> = []
    var unusedKeys: Set<String> = []
  }

  /// Reads the settings for the first time.
  ///
  /// - Parameters:
  ///   - flags: by their names without dashes.
  ///   - environment: all of it; what is not a setting is passed over.
  ///   - makeLog: called once the settings of the log are known.
  /// - Throws: a value that is not allowed. There are no older ones to go on with.
  package init(
    flags: [String: String], environment: [String: String], makeLog: (AgentSettings) -> AgentLog
  ) throws(SettingFault) {
    // A ConfigMap cannot say where it is itself.
    let bootstrap = SettingValues(flags: flags, configMap: [:], environment: environment)
    let isMounted = try bootstrap.choice(.configSource) != AgentSettings.ConfigSource.api.rawValue
    let folder = try bootstrap.path(.configFolder) ?? Setting.configFolder.standard
    var configMap: [String: String] = [:]
    var fault: ConfigMapFault?
    do throws(ConfigMapFault) {
      if isMounted { configMap = try MountedConfigMap(folder: folder)?.values ?? [:] }
    } catch {
      fault = error
    }
    configMap = configMap.filter { !Self.placeKeys.contains($0.key) }

    self.flags = flags
    // The container's environment is made of the ConfigMap when it starts. A copy must not outlive the original.
    self.environment = environment.filter { configMap[$0.key] != $0.value }
    pinned = configMap.filter { Self.pinnedKeys.contains($0.key) }
    initial = try AgentSettings(flags: flags, configMap: configMap, environment: self.environment)
    log = makeLog(initial)
    logger = log.logger(AgentLog.agentScope)
    if let fault { logger.warning("the environment alone counts until the ConfigMap can be read: \(fault)") }
    state = Mutex(
      State(configMap: configMap, settings: initial, kubeconfig: Self.usableKubeconfig(at: initial.layout.kubeconfig)))
  }

  /// What an agent before this one has written, for the time when it cannot be made anew.
  private static func usableKubeconfig(at path: String) -> [UInt8]? {
    // None is there, or none that the plugin could use: both mean that there is nothing to keep.
    guard let text = try? readFile(path, limit: 1 << 20), (try? Kubeconfig(text, path: path)) != nil else { return nil }
    return text
  }

  /// Takes the ConfigMap as the API server has it.
  package func update(configMap: [String: String]) {
    state.withLock { $0.configMap = configMap }
  }

  /// What is set where, as of the last reading.
  package var values: SettingValues {
    let configMap = state.withLock { $0.configMap }
    return SettingValues(flags: flags, configMap: effective(configMap), environment: environment)
  }

  /// The settings in effect, as of the last reading.
  var current: AgentSettings { state.withLock { $0.settings } }

  /// Reads everything again.
  package func read() -> SettingsReading {
    state.withLock { read(&$0) }
  }

  private func read(_ state: inout State) -> SettingsReading {
    var problem: String?
    var warnings: [String] = []
    do throws(ConfigMapFault) {
      if initial.configSource == .mounted, let mounted = try MountedConfigMap(folder: initial.configFolder) {
        state.configMap = mounted.values
      }
      notice(state.configMap, &state.notice)
      warnings += ineffective(state.configMap)
      do throws(SettingFault) {
        state.settings = try AgentSettings(
          flags: flags, configMap: effective(state.configMap), environment: environment)
      } catch {
        problem = "\(error); the settings before that stay in effect"
      }
    } catch {
      problem = "\(error); the settings before that stay in effect"
    }
    warnings += state.settings.warnings
    return reading(&state, problem: problem, warnings: warnings)
  }

  /// The ConfigMap with the values of the start for what is read at the start only.
  private func effective(_ configMap: [String: String]) -> [String: String] {
    configMap.filter { !Self.pinnedKeys.contains($0.key) }.merging(pinned) { $1 }
  }

  /// What the ConfigMap says in vain, for now or for ever.
  private func ineffective(_ configMap: [String: String]) -> [String] {
    let tooEarly = initial.configSource == .api ? Self.pinnedKeys : Self.placeKeys
    let vain = tooEarly.filter { configMap[$0] != nil && configMap[$0] != environment[$0] }
    let late = Self.pinnedKeys.subtracting(tooEarly).filter { configMap[$0] != pinned[$0] }
    var warnings: [String] = []
    if !vain.isEmpty {
      warnings.append(
        "\(list(vain)) in the ConfigMap cannot count, being read before it; use flags or environment variables")
    }
    if !late.isEmpty {
      warnings.append("changes of \(list(late)) in the ConfigMap count when the agent starts again")
    }
    return warnings
  }

  private func notice(_ configMap: [String: String], _ notice: inout Notice) {
    let unused = Set(Self.unusedKeys.filter { (configMap[$0] ?? environment[$0]) != nil })
      .union(Setting.unused.filter { flags[$0.flag ?? ""] != nil }.map { "--\($0.flag ?? "")" })
    if notice.unusedKeys != unused, !unused.isEmpty {
      logger.info("without effect in this agent, which knows no ambient mode: \(list(unused))")
    }
    notice.unusedKeys = unused
    let unknown = Set(configMap.keys.filter { !Self.knownKeys.contains($0) })
    if notice.unknownKeys != unknown, !unknown.isEmpty {
      logger.debug("the ConfigMap has keys that are no settings: \(list(unknown))")
    }
    notice.unknownKeys = unknown
  }

  private func list(_ keys: Set<String>) -> String { keys.sorted().joined(separator: ", ") }

  // MARK: Files of the ServiceAccount

  private func reading(_ state: inout State, problem: String?, warnings: [String]) -> SettingsReading {
    let settings = state.settings
    let account = ServiceAccountFiles(folder: settings.layout.serviceAccountFolder)
    var warnings = warnings
    var obstacles: [Obstacle] = []
    var token: BearerToken?
    do throws(ServiceAccountFault) {
      token = try account.token()
    } catch {
      obstacles.append(Obstacle(.noToken, error.problem, remedy: error.remedy))
    }
    if let kubeconfig = kubeconfig(settings, token: token, account, &obstacles) { state.kubeconfig = kubeconfig.text }

    var entry = settings.entry
    if entry.podNamespace.isEmpty {
      do throws(ServiceAccountFault) {
        state.namespace = try account.namespace()
      } catch {
        if state.namespace == nil { warnings.append("\(error)") }
      }
      entry.podNamespace = state.namespace ?? ""
    }
    let wanted = state.kubeconfig.map { kubeconfig in
      Wanted(
        layout: settings.layout, placement: settings.placement, entry: entry.object, kubeconfig: kubeconfig,
        kubeconfigMode: settings.kubeconfigMode, newFileMode: settings.newFileMode)
    }
    return SettingsReading(
      settings: settings, wanted: wanted, obstacles: obstacles, warnings: warnings, problem: problem,
      watchedFolders: settings.watchedFolders, tokenExpiry: token?.expiry)
  }

  /// The kubeconfig of now; nil with an obstacle when something is missing for it.
  private func kubeconfig(
    _ settings: AgentSettings, token: BearerToken?, _ account: ServiceAccountFiles, _ obstacles: inout [Obstacle]
  ) -> PluginKubeconfig? {
    var trust: PluginKubeconfig.Trust? = settings.verifiesServer ? nil : .anything
    if settings.verifiesServer {
      do throws(ServiceAccountFault) {
        trust = .authority(try account.authority(settings.authorityFile))
      } catch {
        obstacles.append(Obstacle(.noAuthority, error.problem, remedy: error.remedy))
      }
    }
    if settings.server == nil {
      obstacles.append(
        Obstacle(
          .noServer, "the address of the API server is not known: KUBERNETES_SERVICE_HOST or _PORT is not set",
          remedy: "kubelet sets both in every container; outside of one set them yourself"))
    }
    let credential = settings.serviceAccountHostFolder.map { PluginKubeconfig.Credential.tokenFile("\($0)/token") }
    guard let server = settings.server, let trust, let credential = credential ?? token.map({ .token($0) }) else {
      return nil
    }
    return PluginKubeconfig(server: server, trust: trust, credential: credential)
  }

  // MARK: Keys

  private static let placeKeys = keys([.configSource, .configFolder, .configMapName])
  private static let pinnedKeys = keys(Setting.all.filter { $0.use == .atStart })
  private static let unusedKeys = keys(Setting.unused)
  private static let knownKeys = keys(Setting.all + Setting.unused)

  private static func keys(_ settings: [Setting]) -> Set<String> {
    Set(settings.flatMap { [$0.key] + $0.aliases })
  }
}

extension AgentSettings {
  /// The folders where something may change that matters, each once.
  package var watchedFolders: [String] {
    let authorityFolder = String(authorityFile[..<(authorityFile.lastIndex(of: "/") ?? authorityFile.startIndex)])
    let folders =
      [layout.configurationFolder, layout.stateFolder] + layout.binaryTargets + [
        layout.binarySource, layout.runDirectory, layout.serviceAccountFolder, authorityFolder,
      ] + (configSource == .mounted ? [configFolder] : [])
    return folders.enumerated().filter { !$1.isEmpty && !folders[..<$0].contains($1) }.map(\.element)
  }
}
