package import JSON

/// The few fields of a pod that decide about its redirect.
///
/// A field of another type than Kubernetes gives it is an error, so that a surprise does not pass for an absent
/// setting; fields that are not read here may be anything.
package struct PodObject: Sendable, Equatable {
  package let namespace: String
  package let name: String
  package let uid: String
  package let labels: [String: String]
  package let annotations: [String: String]
  package let hostNetwork: Bool
  /// `spec.dnsConfig.nameservers`, as written.
  package let nameservers: [String]
  /// What containers without their own inherit.
  package let securityContext: SecurityContext
  package let initContainers: [Container]
  package let containers: [Container]

  /// `securityContext`, of a pod or a container.
  package struct SecurityContext: Sendable, Equatable {
    package let runAsUser: Int64?
    package let runAsGroup: Int64?

    package init(runAsUser: Int64?, runAsGroup: Int64?) {
      self.runAsUser = runAsUser
      self.runAsGroup = runAsGroup
    }
  }

  package struct Container: Sendable, Equatable {
    package let name: String
    package let args: [String]
    package let env: [EnvironmentVariable]
    package let securityContext: SecurityContext
    /// Only init containers have one: `Always` makes a native sidecar.
    package let restartPolicy: String?
  }

  package struct EnvironmentVariable: Sendable, Equatable {
    package let name: String
    /// The literal value; nil when there is none, or when it comes from a ConfigMap, Secret or field.
    package let value: String?
    package let isFromSource: Bool

    package init(name: String, value: String?, isFromSource: Bool) {
      self.name = name
      self.value = value
      self.isFromSource = isFromSource
    }
  }

  /// Reads a pod as the API server returns it.
  ///
  /// - Throws: `invalidObject`, naming the path of the field.
  package init(json: JSONValue) throws(KubernetesError) {
    let root = ObjectField(path: "", value: json)
    do throws(ObjectField.Fault) {
      if let kind = try root["kind"].string(), kind != "Pod" {
        throw ObjectField.Fault(problem: "kind is \"\(kind.prefix(40))\", not \"Pod\"")
      }
      let metadata = try root["metadata"]
      namespace = try metadata["namespace"].requiredString()
      name = try metadata["name"].requiredString()
      uid = try metadata["uid"].requiredString()
      labels = try metadata["labels"].strings()
      annotations = try metadata["annotations"].strings()

      let spec = try root["spec"]
      hostNetwork = try spec["hostNetwork"].bool() ?? false
      var nameservers: [String] = []
      for server in try spec["dnsConfig"]["nameservers"].elements() { nameservers.append(try server.requiredString()) }
      self.nameservers = nameservers
      securityContext = try SecurityContext(try spec["securityContext"])
      initContainers = try Self.containers(try spec["initContainers"])
      containers = try Self.containers(try spec["containers"])
      // A pod read as having none would pass for one without a sidecar.
      guard !containers.isEmpty else { throw ObjectField.Fault(problem: "spec.containers is missing") }
    } catch {
      let identity = [json["metadata"]?["namespace"]?.string, json["metadata"]?["name"]?.string]
      throw KubernetesError(
        .invalidObject, .decodePod, identity.map { $0 ?? "?" }.joined(separator: "/"), cause: error.problem,
        retryHelps: false, advice: "see the pod with kubectl get -o json")
    }
  }

  private static func containers(_ list: ObjectField) throws(ObjectField.Fault) -> [Container] {
    var containers: [Container] = []
    for element in try list.elements() { containers.append(try Container(element)) }
    return containers
  }

  /// Whether `uid`, as the runtime hands it to a plugin, means this pod.
  ///
  /// For a static pod the API server holds a mirror with a UID of its own; the one that kubelet and runtime use is in
  /// the annotation `kubernetes.io/config.hash`.
  package func isKnown(byUID uid: String) -> Bool {
    uid == self.uid || uid == annotations["kubernetes.io/config.hash"]
  }
}

extension PodObject.SecurityContext {
  fileprivate init(_ field: ObjectField) throws(ObjectField.Fault) {
    self.init(runAsUser: try field["runAsUser"].integer(), runAsGroup: try field["runAsGroup"].integer())
  }
}

extension PodObject.Container {
  fileprivate init(_ field: ObjectField) throws(ObjectField.Fault) {
    name = try field["name"].requiredString()
    var args: [String] = []
    for element in try field["args"].elements() { args.append(try element.string() ?? "") }
    self.args = args
    var env: [PodObject.EnvironmentVariable] = []
    for element in try field["env"].elements() { env.append(try PodObject.EnvironmentVariable(element)) }
    self.env = env
    securityContext = try PodObject.SecurityContext(try field["securityContext"])
    restartPolicy = try field["restartPolicy"].string()
  }
}

extension PodObject.EnvironmentVariable {
  fileprivate init(_ field: ObjectField) throws(ObjectField.Fault) {
    let source = try field["valueFrom"]
    self.init(
      name: try field["name"].requiredString(), value: try field["value"].string(),
      isFromSource: source.value != .null)
  }
}
