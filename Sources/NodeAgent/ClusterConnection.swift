import Kubernetes
import KubernetesClient
import Logging

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

  /// - Parameters:
  ///   - namespace: the agent's own.
  ///   - nodeName: nil if it is not known.
  /// - Returns: nil if the address is not known.
  /// - Throws: why the address cannot be used.
  init?(
    _ settings: AgentSettings, namespace: String, nodeName: String?, logger: Logger
  ) throws(APIServerAddress.Fault) {
    guard let server = settings.server else { return nil }
    let account = ServiceAccountFiles(folder: settings.layout.serviceAccountFolder)
    let access = ClusterAccess(
      server: try APIServerAddress(url: server),
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
}
