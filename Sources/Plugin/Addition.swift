import CNI
import JSON
import Kubernetes
import MeshPod
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
    adopt(options)
    let result = try AttachmentResult(previous: network.previousResult, version: network.version)
    let answer = try result.rendered(as: network.version)
    let arguments = try PodArguments(parsing: invocation.arguments)
    let pod = PodName(arguments)
    log["pod"] = pod.isEmpty ? nil : .string(pod.description)
    // For the agent, whose Events are about this very pod.
    log["uid"] = pod.uid.isEmpty ? nil : .string(pod.uid)

    let exclusions = Exclusions(namespaces: Set(options.excludedNamespaces), agentNamespace: options.agentNamespace)
    if let reason = SkipReason(namespace: pod.namespace, name: pod.name, exclusions: exclusions) {
      skip(reason)
      return answer
    }
    if let annotations = try network.podAnnotations(), let reason = SkipReason(annotations: annotations) {
      log["facts"] = "annotations"
      skip(reason)
      return answer
    }
    guard let runDirectory = options.runDirectory else {
      throw Failure(
        code: .invalidConfiguration, message: "cannot read pod \(pod): \"cni_agent_run_dir\" is not configured",
        details: "it names the folder where the agent leaves the kubeconfig")
    }
    var defaults = options.policyDefaults
    defaults.nameservers += result.nameservers.compactMap { IPAddress($0) }
    switch try decide(on: pod, runDirectory, deadline: started + options.deadline, defaults) {
    case .skip(let reason):
      skip(reason)
    case .redirect(let policy):
      let addresses = result.addresses.map { String($0.prefix { $0 != "/" }) }
      let key = AttachmentRecords.Key(network.name, invocation)
      try timing("apply") { (request) throws(Failure) in
        try request.apply(
          policy, addresses, to: pod, invocation, options.backend, AttachmentRecords(runDirectory),
          recordedAs: key)
      }
      log["decision"] = "redirect"
    }
    return answer
  }

  private mutating func skip(_ reason: SkipReason) {
    log["decision"] = "skip"
    log["skip"] = .string(reason.word)
    log["reason"] = .string(reason.description)
  }

  private mutating func decide(
    on pod: PodName, _ runDirectory: RunDirectory, deadline: ContinuousClock.Instant, _ defaults: PolicyDefaults
  ) throws(Failure) -> Decision {
    let facts = PodFacts(
      try timing("facts") { (request) throws(Failure) in try request.read(pod, runDirectory, deadline: deadline) })
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

  private mutating func read(
    _ pod: PodName, _ runDirectory: RunDirectory, deadline: ContinuousClock.Instant
  ) throws(Failure) -> PodObject {
    if let object = readFromAgent(pod, runDirectory, deadline: deadline) { return object }
    let object: PodObject
    do throws(KubernetesError) {
      let kubeconfig = try Kubeconfig(path: runDirectory.kubeconfig)
      object = try fetchPod(
        namespace: pod.namespace, name: pod.name, from: kubeconfig, deadline: deadline,
        userAgent: "istio-cni")
      log["facts"] = "API server"
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

  /// Records what is about to be done, and does it: a process that is killed in between leaves a record too many,
  /// which DEL and GC remove, and never a redirect that CHECK does not know of.
  private mutating func apply(
    _ policy: Policy, _ addresses: [String], to pod: PodName, _ invocation: Invocation,
    _ backend: BackendSelection.Preference, _ records: AttachmentRecords, recordedAs key: AttachmentRecords.Key
  ) throws(Failure) {
    let hasIPv6 = addresses.contains { $0.utf8.contains(UInt8(ascii: ":")) }
    let ruleset = Ruleset(policy, hasIPv6: hasIPv6)
    let namespace = try enter(invocation.namespacePath ?? "", pod, allowsOwn: invocation.allowsOwnNamespace)
    var record: AttachmentRecord?
    var recordFailure: SystemError?
    do throws(NetfilterError) {
      let choice = try backends(backend).attempt(in: namespace) {
        (backend, namespace) throws(NetfilterError) in
        let made = AttachmentRecord(
          pod, policy, hasIPv6: hasIPv6, ruleset, backend, namespacePath: invocation.namespacePath, addresses: addresses
        )
        record = made
        do throws(SystemError) {
          try records.write(made.serialized(), at: key)
        } catch {
          recordFailure = error
          throw NetfilterError(error)
        }
        try PodRedirect.apply(ruleset, in: namespace, with: backend)
      }
      log["digest"] = record.map { .string($0.digest) }
      log["rules"] = .number(JSONNumber(ruleset.ruleCount))
      log["backend"] = .string(choice.backend.name)
      // Not `joined`: see `IPAddress.description`.
      log["backend_reason"] = .string(notes.all.reduce(choice.reason) { "\($0); \($1)" })
    } catch {
      // What stays behind after all, DEL or GC removes.
      _ = try? records.remove(key)
      if let recordFailure { throw Failure(recordFailure, recording: pod) }
      throw Failure(error, redirecting: pod)
    }
    if let record { share(record, with: key, in: records) }
  }

  /// Where a pod has several attachments, the last ADD's rules serve all of them, and so all their records tell of
  /// these, each with the addresses of its own attachment.
  private mutating func share(
    _ record: AttachmentRecord, with key: AttachmentRecords.Key, in records: AttachmentRecords
  ) {
    do throws(SystemError) {
      for other in try records.others(of: key) {
        var shared = record
        if case .record(let former) = records.read(other) {
          shared = record.withAddresses(former.addresses)
          if shared == former { continue }
        }
        try records.write(shared.serialized(), at: other)
      }
    } catch {
      log.raise(to: .warn)
      log["warning"] = .string("the records of the pod's other attachments may be out of date: \(error)")
    }
  }
}
