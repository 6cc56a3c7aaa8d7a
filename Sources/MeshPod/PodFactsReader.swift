package import Kubernetes
package import Redirect

extension PodFacts {
  /// The facts that a pod object holds.
  package init(_ pod: PodObject) {
    self.init(
      namespace: pod.namespace, name: pod.name, labels: pod.labels, annotations: pod.annotations,
      usesNodeNetwork: pod.hostNetwork, runAsUser: pod.securityContext.runAsUser,
      runAsGroup: pod.securityContext.runAsGroup, nameservers: pod.nameservers.compactMap { IPAddress($0) },
      containers: (pod.initContainers + pod.containers).map { container in
        Container(
          name: container.name, arguments: container.args,
          environment: Dictionary(
            container.env.compactMap { variable in variable.value.map { (variable.name, $0) } },
            uniquingKeysWith: { $1 }),
          unreadableVariables: Set(container.env.filter(\.isFromSource).map(\.name)),
          runAsUser: container.securityContext.runAsUser, runAsGroup: container.securityContext.runAsGroup)
      })
  }
}
