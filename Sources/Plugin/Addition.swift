import CNI
import JSON
import Kubernetes
import Netfilter
import Redirect
import System

extension Request {
  /// ADD: redirects the pod's traffic if it is in the mesh, and passes on what the chain has made so far.
  ///
  /// What can be settled without asking anybody is settled first, so that a pod outside the mesh is not held up by
  /// our troubles. The answer is made before the kernel is touched: after that nothing can fail.
  mutating func add(_ invocation: Invocation, _ network: NetworkConfiguration) throws(Failure) -> JSONObject {
    let options = try PluginConfiguration(network)
    logThreshold = options.logLevel
    let result = try AttachmentResult(previous: network.previousResult, version: network.version)
    let answer = try result.rendered(as: network.version)
    let arguments = try PodArguments(parsing: invocation.arguments)
    let pod = PodName(arguments)
    log["pod"] = pod.isEmpty ? nil : .string(pod.description)

    let exclusions = Exclusions(namespaces: Set(options.excludedNamespaces), agentNamespace: options.agentNamespace)
    if let reason = SkipReason(namespace: pod.namespace, name: pod.name, exclusions: exclusions) {
      skip(reason)
      return answer
    }
    var defaults = options.policyDefaults
    defaults.nameservers += result.nameservers.compactMap { IPAddress($0) }
    switch try decide(on: pod, options, defaults) {
    case .skip(let reason):
      skip(reason)
    case .redirect(let policy):
      let ruleset = Ruleset(policy, hasIPv6: result.addresses.contains { $0.utf8.contains(UInt8(ascii: ":")) })
      try apply(ruleset, to: pod, invocation, options.backend)
      log["decision"] = "redirect"
      log["rules"] = .number(JSONNumber(ruleset.ruleCount))
    }
    return answer
  }

  private mutating func skip(_ reason: SkipReason) {
    log["decision"] = "skip"
    log["reason"] = .string(reason.description)
  }

  private mutating func decide(
    on pod: PodName, _ options: PluginConfiguration, _ defaults: PolicyDefaults
  ) throws(Failure) -> Decision {
    let facts = PodFacts(try read(pod, options))
    let decision: Decision
    do throws(PolicyError) {
      decision = try Decision(facts, defaults: defaults)
    } catch {
      throw Failure(error)
    }
    if case .redirect(let policy) = decision {
      let warnings = PodWarning.all(facts, policy)
      if !warnings.isEmpty {
        log.raise(to: .warn)
        log["warning"] = .string(warnings.map(\.description).joined(separator: "; "))
      }
    }
    return decision
  }

  private func read(_ pod: PodName, _ options: PluginConfiguration) throws(Failure) -> PodObject {
    guard !options.agentRunDirectory.isEmpty else {
      throw Failure(
        code: .invalidConfiguration, message: "cannot read pod \(pod): \"cni_agent_run_dir\" is not configured",
        details: "it names the folder where the agent leaves the kubeconfig")
    }
    let object: PodObject
    do throws(KubernetesError) {
      let kubeconfig = try Kubeconfig(path: options.kubeconfigPath)
      object = try fetchPod(
        namespace: pod.namespace, name: pod.name, from: kubeconfig, deadline: started + options.deadline,
        userAgent: "istio-cni")
    } catch {
      throw Failure(error)
    }
    guard pod.uid.isEmpty || object.isKnown(byUID: pod.uid) else {
      throw Failure(
        code: .tryAgainLater, message: "cannot decide on pod \(pod): the API server has another pod of that name",
        details: "UID \(pod.uid) was asked for and \(object.uid) found; the pod was replaced, and its sandbox will be")
    }
    return object
  }

  private mutating func apply(
    _ ruleset: Ruleset, to pod: PodName, _ invocation: Invocation, _ preference: BackendSelection.Preference
  ) throws(Failure) {
    let namespace = try enter(invocation.namespacePath ?? "", pod, allowsOwn: invocation.allowsOwnNamespace)
    do throws(NetfilterError) {
      let choice = try backends(preference).attempt(in: namespace) { (backend, namespace) throws(NetfilterError) in
        try PodRedirect.apply(ruleset, in: namespace, with: backend)
      }
      log["backend"] = .string(choice.backend.name)
      log["backend_reason"] = .string(([choice.reason] + notes.all).joined(separator: "; "))
    } catch {
      throw Failure(error, redirecting: pod)
    }
  }

  private func enter(_ path: String, _ pod: PodName, allowsOwn: Bool) throws(Failure) -> NetworkNamespace {
    do throws(SystemError) {
      let namespace = try NetworkNamespace.open(path)
      let own = try NetworkNamespace.current().identity
      if allowsOwn || namespace.identity != own { return namespace }
    } catch {
      throw Failure(error, entering: path, of: pod)
    }
    throw Failure(
      code: .invalidEnvironment, message: "CNI_NETNS is the plugin's own namespace, not one of pod \(pod)",
      details: "\(path) is where this plugin runs; rules there would redirect the node's traffic")
  }
}

/// The pod that an ADD is for.
struct PodName: CustomStringConvertible {
  let namespace: String
  let name: String
  /// Empty when the runtime does not tell.
  let uid: String

  init(_ arguments: PodArguments) {
    namespace = arguments.podNamespace
    name = arguments.podName
    uid = arguments.podUID
  }

  var isEmpty: Bool { namespace.isEmpty && name.isEmpty }
  var description: String { "\(namespace)/\(name)" }
}
