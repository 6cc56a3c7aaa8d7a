/// Something about a meshed pod that its owner should know, though it does not keep the pod from starting.
package enum PodWarning: Sendable, Equatable {
  /// Settings whose values are not in the pod object, since they come from a ConfigMap, a Secret or a field.
  case unreadable([String])
  /// A switch with a value that is neither true nor false.
  case notABoolean(setting: String, value: String)
  /// Containers whose traffic looks like the proxy's, so that none of it is redirected.
  case sharesProxyIdentity(containers: [String], UserID)
  /// DNS capture is limited to the pod's servers, and nobody has named any.
  case noNameservers
}

extension PodWarning: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadable(let names):
      "taken for unset, since the value is not in the pod object: \(names.joined(separator: ", "))"
    case .notABoolean(let setting, let value):
      "taken for false: \(setting): \"\(value.prefix(40))\" is not a boolean"
    case .sharesProxyIdentity(let containers, let user):
      "not redirected, since it runs as the proxy's user \(user): container \(containers.joined(separator: ", "))"
    case .noNameservers: "DNS is not captured: dns_capture is \"servers\", and no DNS server of the pod is known"
    }
  }
}

extension PodWarning {
  /// What is worth telling of a pod that gets `policy`.
  package static func all(_ pod: PodFacts, _ policy: Policy) -> [PodWarning] {
    var warnings: [PodWarning] = []
    let unreadable = ProxyVariable.decisive.filter { pod.proxy?.unreadableVariables.contains($0) == true }
    if !unreadable.isEmpty { warnings.append(.unreadable(unreadable)) }
    for name in ProxyVariable.switches {
      if let setting = Setting(env: name, of: pod), !setting.text.isEmpty, setting.bool == nil {
        warnings.append(.notABoolean(setting: setting.name, value: setting.text))
      }
    }
    let lookalikes = pod.containers.filter { container in
      !injected.contains(container.name)
        && (container.runAsUser ?? pod.runAsUser) == Int64(policy.proxyUser.rawValue)
    }
    if !lookalikes.isEmpty {
      warnings.append(.sharesProxyIdentity(containers: lookalikes.map(\.name), policy.proxyUser))
    }
    if policy.dns == .off, Setting(env: ProxyVariable.dnsCapture, of: pod)?.bool == true {
      warnings.append(.noNameservers)
    }
    return warnings
  }

  /// The injector's own containers run as the proxy's user on purpose.
  private static let injected: Set = ["istio-proxy", "istio-init", "istio-validation"]
}
