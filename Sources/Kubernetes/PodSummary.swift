package import JSON

extension PodObject {
  /// The pod as an object of the API server, with only the fields that are read here, so that it can be kept by the
  /// thousand and handed on.
  ///
  /// - Parameter variables: the environment variables of `istio-proxy` to keep; of other containers none are.
  package func summary(variables: Set<String>) -> JSONValue {
    var metadata: JSONObject = ["namespace": .string(namespace), "name": .string(name), "uid": .string(uid)]
    metadata["labels"] = Self.nonEmpty(labels)
    metadata["annotations"] = Self.nonEmpty(annotations)
    var spec: JSONObject = [:]
    if hostNetwork { spec["hostNetwork"] = true }
    if !nameservers.isEmpty { spec["dnsConfig"] = ["nameservers": .array(nameservers.map { .string($0) })] }
    spec["securityContext"] = securityContext.json
    if !initContainers.isEmpty { spec["initContainers"] = .array(initContainers.map { $0.summary(variables) }) }
    spec["containers"] = .array(containers.map { $0.summary(variables) })
    return ["metadata": .object(metadata), "spec": .object(spec)]
  }

  private static func nonEmpty(_ strings: [String: String]) -> JSONValue? {
    strings.isEmpty ? nil : .object(JSONObject(strings.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
  }
}

extension PodObject.SecurityContext {
  fileprivate var json: JSONValue? {
    var members: JSONObject = [:]
    members["runAsUser"] = runAsUser.map { .number(JSONNumber(Int($0))) }
    members["runAsGroup"] = runAsGroup.map { .number(JSONNumber(Int($0))) }
    return members.members.isEmpty ? nil : .object(members)
  }
}

extension PodObject.Container {
  fileprivate func summary(_ variables: Set<String>) -> JSONValue {
    var members: JSONObject = ["name": .string(name)]
    members["securityContext"] = securityContext.json
    members["restartPolicy"] = restartPolicy.map { .string($0) }
    if name == "istio-proxy" {
      if !args.isEmpty { members["args"] = .array(args.map { .string($0) }) }
      let kept = env.filter { variables.contains($0.name) }
      if !kept.isEmpty { members["env"] = .array(kept.map(\.json)) }
    }
    return .object(members)
  }
}

extension PodObject.EnvironmentVariable {
  fileprivate var json: JSONValue {
    var members: JSONObject = ["name": .string(name)]
    members["value"] = value.map { .string($0) }
    // Where it comes from is nobody's business here, only that the value is not in the pod.
    if isFromSource { members["valueFrom"] = [:] }
    return .object(members)
  }
}
