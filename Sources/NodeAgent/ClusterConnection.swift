import Kubernetes
import KubernetesClient
import Logging
import System

/// What the agent has to do with the API server, where it was told how to reach it.
struct ClusterConnection: Sendable {
  let client: APIClient
  /// This node's; nil if it is not known.
  let nodeName: String?
  /// The agent's own.
  let daemonSet: ObjectPath
  let configMap: ObjectPath
  let watch: DaemonSetWatch
  let leaving: LeavingDecision
  /// Nil if there is nothing that Events could be about.
  let events: EventRecorder?

  /// - Throws: what is not known that it takes.
  init(_ settings: AgentSettings, logger: Logger) throws(NoConnection) {
    let account = ServiceAccountFiles(folder: settings.layout.serviceAccountFolder)
    let namespace = try Self.namespace(settings, account)
    let nodeName = settings.nodeName ?? Self.hostName
    let access = ClusterAccess(
      server: try Self.server(settings),
      trust: settings.verifiesServer ? .authority(file: settings.authorityFile) : .anything,
      tokenFile: account.tokenPath)
    self.nodeName = nodeName
    let client = APIClient(access, version: ProgramVersion.text)
    self.client = client
    daemonSet = ObjectPath(.daemonSets, namespace: namespace, name: settings.daemonSetName)
    configMap = ObjectPath(.configMaps, namespace: namespace, name: settings.configMapName)
    watch = DaemonSetWatch(client, daemonSet: daemonSet, logger: logger)
    leaving = LeavingDecision(client, daemonSet: daemonSet, nodeName: nodeName, watch: watch)
    let pod = settings.podName.map { EventRecorder.Subject.pod(namespace: namespace, name: $0, uid: settings.podUID) }
    events = (pod ?? nodeName.map { .node(name: $0) }).map {
      EventRecorder(client, about: $0, nodeName: nodeName ?? "", logger: logger)
    }
  }

  private static func server(_ settings: AgentSettings) throws(NoConnection) -> APIServerAddress {
    guard let url = settings.server else {
      throw NoConnection(
        description: "its address is not known; set KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT")
    }
    do throws(APIServerAddress.Fault) {
      return try APIServerAddress(url: url)
    } catch {
      throw NoConnection(description: "its address \(error.problem); \(error.advice)")
    }
  }

  private static func namespace(
    _ settings: AgentSettings, _ account: ServiceAccountFiles
  ) throws(NoConnection) -> String {
    if !settings.entry.podNamespace.isEmpty { return settings.entry.podNamespace }
    do throws(ServiceAccountFault) {
      return try account.namespace()
    } catch {
      throw NoConnection(description: "\(error)")
    }
  }

  /// The name of the node where nobody has set another.
  private static var hostName: String? {
    // Without one the node is not asked about.
    guard let text = try? readFile("/proc/sys/kernel/hostname", limit: 1 << 10) else { return nil }
    let name = String(decoding: text, as: UTF8.self).trimmed
    return name.isEmpty ? nil : name
  }
}

/// Why the API server cannot be asked, and what to do.
struct NoConnection: Error, CustomStringConvertible {
  let description: String
}

extension SettingsSource {
  /// Takes the ConfigMap of the API server, if that is where it is, before anything is done by the environment alone.
  func readConfigMap(of cluster: ClusterConnection) async {
    guard initial.configSource == .api else { return }
    let watch = ConfigMapWatch(cluster.client, configMap: cluster.configMap, logger: logger) { _ in }
    do throws(APIError) {
      if let values = try await watch.read(within: .seconds(10)) { update(configMap: values) }
    } catch {
      logger.warning("the environment alone counts until the ConfigMap can be read: \(error)")
    }
  }

  /// Does the same over a connection of its own, for who looks at the node once.
  package func readConfigMap() async {
    guard initial.configSource == .api else { return }
    do throws(NoConnection) {
      let cluster = try ClusterConnection(initial, logger: logger)
      await readConfigMap(of: cluster)
      await cluster.client.shutdown()
    } catch {
      logger.warning("the environment alone counts, since the API server cannot be asked: \(error)")
    }
  }
}
