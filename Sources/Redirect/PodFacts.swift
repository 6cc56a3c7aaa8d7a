/// What the decision and the policy need to know of a pod, and nothing else of it.
package struct PodFacts: Sendable, Equatable {
  package var namespace: String
  package var name: String
  package var labels: [String: String]
  package var annotations: [String: String]
  package var usesNodeNetwork: Bool
  /// `spec.securityContext.runAsUser` and `.runAsGroup`, which containers inherit.
  package var runAsUser: Int64?
  package var runAsGroup: Int64?
  /// `spec.dnsConfig.nameservers`; what is no address is left out.
  package var nameservers: [IPAddress]
  /// Init containers first, then regular ones, each in the pod's order. Ephemeral containers don't count: they join a
  /// pod whose network has long been decided.
  package var containers: [Container]

  package struct Container: Sendable, Equatable {
    package var name: String
    package var arguments: [String]
    /// Literal values only.
    package var environment: [String: String]
    /// Variables that come from a ConfigMap, a Secret or a field: their values are not in the pod object.
    package var unreadableVariables: Set<String>
    package var runAsUser: Int64?
    package var runAsGroup: Int64?

    package init(
      name: String, arguments: [String] = [], environment: [String: String] = [:],
      unreadableVariables: Set<String> = [], runAsUser: Int64? = nil, runAsGroup: Int64? = nil
    ) {
      self.name = name
      self.arguments = arguments
      self.environment = environment
      self.unreadableVariables = unreadableVariables
      self.runAsUser = runAsUser
      self.runAsGroup = runAsGroup
    }
  }

  package init(
    namespace: String, name: String, labels: [String: String] = [:], annotations: [String: String] = [:],
    usesNodeNetwork: Bool = false, runAsUser: Int64? = nil, runAsGroup: Int64? = nil,
    nameservers: [IPAddress] = [], containers: [Container] = []
  ) {
    self.namespace = namespace
    self.name = name
    self.labels = labels
    self.annotations = annotations
    self.usesNodeNetwork = usesNodeNetwork
    self.runAsUser = runAsUser
    self.runAsGroup = runAsGroup
    self.nameservers = nameservers
    self.containers = containers
  }

  /// The sidecar's container. Should several carry the name, the last one counts, as in Istio.
  package var proxy: Container? { containers.last { $0.name == "istio-proxy" } }
}
