/// Whether a pod's traffic is redirected, and how.
package enum Decision: Sendable, Equatable {
  case redirect(Policy)
  case skip(SkipReason)
}

/// Why a pod is left alone.
package enum SkipReason: Sendable, Equatable {
  case notKubernetes
  case ownAgent
  case excludedNamespace
  case nodeNetwork
  case programsItself
  case proxyless
  case noProxy
  case otherProxy(String)
  case injectionDisabled
  case notInjected
  case interceptionDisabled
}

extension SkipReason: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notKubernetes: "CNI_ARGS name no Kubernetes pod"
    case .ownAgent: "the pod is this plugin's own agent"
    case .excludedNamespace: "the namespace is in exclude_namespaces"
    case .nodeNetwork: "the pod uses the node's network"
    case .programsItself: "the container istio-init programs the redirect itself"
    case .proxyless: "DISABLE_ENVOY is set on istio-proxy"
    case .noProxy: "no container istio-proxy"
    case .otherProxy(let type): "istio-proxy runs as \(type), not as a sidecar"
    case .injectionDisabled: "sidecar.istio.io/inject is false"
    case .notInjected: "no annotation sidecar.istio.io/status"
    case .interceptionDisabled: "sidecar.istio.io/interceptionMode is NONE"
    }
  }
}

extension SkipReason {
  /// The reason in a word, of which there are as many as cases: for counting.
  package var word: String {
    switch self {
    case .notKubernetes: "not-kubernetes"
    case .ownAgent: "own-agent"
    case .excludedNamespace: "excluded-namespace"
    case .nodeNetwork: "node-network"
    case .programsItself: "programs-itself"
    case .proxyless: "proxyless"
    case .noProxy: "no-proxy"
    case .otherProxy: "other-proxy"
    case .injectionDisabled: "injection-disabled"
    case .notInjected: "not-injected"
    case .interceptionDisabled: "interception-disabled"
    }
  }
}

/// What the network configuration says about which pods to leave alone.
package struct Exclusions: Sendable, Equatable {
  /// Namespaces whose pods are never touched.
  package var namespaces: Set<String>
  /// The namespace of the agent's DaemonSet; empty when unknown.
  package var agentNamespace: String

  package init(namespaces: Set<String> = [], agentNamespace: String = "") {
    self.namespaces = namespaces
    self.agentNamespace = agentNamespace
  }
}

extension SkipReason {
  /// The reason known from the invocation and the configuration alone, before anything that can fail is tried.
  ///
  /// After a reboot the kubeconfig is gone until the agent has run, and only these pods can start before that: were
  /// they held up, the node would never come back (istio/istio#60668).
  package init?(namespace: String, name: String, exclusions: Exclusions) {
    if namespace.isEmpty || name.isEmpty {
      self = .notKubernetes
    } else if namespace == exclusions.agentNamespace, Self.isAgentPod(name) {
      self = .ownAgent
    } else if exclusions.namespaces.contains(namespace) {
      self = .excludedNamespace
    } else {
      return nil
    }
  }

  /// Whether `name` is one that the DaemonSet controller makes for `istio-cni-node`: its name, a dash, and five
  /// characters of the alphabet of generated names (k8s.io/apimachinery, util/rand). A mere prefix would let any pod
  /// of that namespace out of the mesh by its name.
  private static func isAgentPod(_ name: String) -> Bool {
    let prefix = "istio-cni-node-"
    guard name.hasPrefix(prefix) else { return false }
    let suffix = name.dropFirst(prefix.count)
    return suffix.count == 5 && suffix.allSatisfy { "bcdfghjklmnpqrstvwxz2456789".contains($0) }
  }
}

extension SkipReason {
  /// The reason known from a pod's annotations alone.
  ///
  /// Each injected pod has `sidecar.istio.io/status`, so who has it not needs no further look.
  package init?(annotations: [String: String]) {
    if annotations[Annotation.status] == nil {
      self = .notInjected
    } else if annotations[Annotation.interceptionMode] == "NONE" {
      self = .interceptionDisabled
    } else {
      return nil
    }
  }
}

extension Decision {
  /// Decides on a pod whose facts are known.
  ///
  /// - Throws: `PolicyError` when the pod is in the mesh and one of its settings cannot be honoured.
  package init(_ pod: PodFacts, defaults: PolicyDefaults = PolicyDefaults()) throws(PolicyError) {
    if let reason = SkipReason(pod) {
      self = .skip(reason)
    } else if pod.annotations[Annotation.interceptionMode] == "NONE" {
      self = .skip(.interceptionDisabled)
    } else {
      self = .redirect(try Policy(pod, defaults: defaults))
    }
  }
}

extension SkipReason {
  /// The tests are in Istio's order, so that a pod for which several hold is reported as Istio would.
  fileprivate init?(_ pod: PodFacts) {
    if pod.usesNodeNetwork {
      self = .nodeNetwork
    } else if pod.containers.contains(where: { $0.name == "istio-init" }) {
      self = .programsItself
    } else if let proxy = pod.proxy {
      let arguments = proxy.arguments
      if Bool(goSyntax: proxy.environment[ProxyVariable.disableEnvoy] ?? "") == true {
        self = .proxyless
      } else if arguments.count >= 2, arguments[0] == "proxy", arguments[1] != "sidecar" {
        self = .otherProxy(arguments[1])
      } else if Bool(goSyntax: pod.labels[Annotation.inject] ?? pod.annotations[Annotation.inject] ?? "") == false {
        self = .injectionDisabled
      } else if pod.annotations[Annotation.status] == nil {
        self = .notInjected
      } else {
        return nil
      }
    } else {
      self = .noProxy
    }
  }
}

extension Bool {
  /// Reads a boolean as Go's `strconv.ParseBool` does, which is what the injector and the proxy use.
  init?(goSyntax text: String) {
    switch text {
    case "1", "t", "T", "TRUE", "true", "True": self = true
    case "0", "f", "F", "FALSE", "false", "False": self = false
    default: return nil
    }
  }
}
