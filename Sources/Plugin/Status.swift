import CNI
import JSON
import Kubernetes
import MeshPod
import Netfilter
import Redirect
import System

extension Request {
  /// STATUS: answers whether an ADD of a meshed pod would work, as far as this node is concerned. Sends nothing, and
  /// changes nothing while all is well.
  ///
  /// The API server is not contacted: a node that answers "not available" becomes NotReady and its pods leave every
  /// Service's endpoints. A blip of the control plane would become an outage of every node's data plane.
  ///
  /// Code 51 is never used: the redirects of running pods depend on nothing of the node.
  ///
  /// - Throws: code 50 for as long as ``StatusNote`` allows; the configuration's own codes for ever, since a mistake
  ///   there does not pass.
  mutating func status(_ network: NetworkConfiguration) throws(Failure) {
    let options = try PluginConfiguration(network)
    adopt(options)
    let note = StatusNote(options.runDirectory)
    do throws(Failure) {
      try requireReadiness(options)
    } catch {
      return try report(error, note)
    }
    note.clear()
    log["decision"] = "available"
  }

  private func requireReadiness(_ options: PluginConfiguration) throws(Failure) {
    guard let runDirectory = options.runDirectory else {
      throw Failure(
        unavailable: "\"cni_agent_run_dir\" is not configured",
        "it names the folder where the agent leaves the kubeconfig")
    }
    do throws(KubernetesError) {
      try Kubeconfig(path: runDirectory.kubeconfig).requireReadiness(at: timeSinceEpoch())
    } catch {
      throw Failure(unavailable: error)
    }
    try requireBackend(options.backend)
    try requireSelfConsistency(options.policyDefaults)
    try requireSelfTest(runDirectory)
  }

  /// That the agent, which tries out on this node what ADD does, has not lately found that it fails. Without an agent
  /// nothing is known, and nothing said.
  private func requireSelfTest(_ runDirectory: RunDirectory) throws(Failure) {
    // Nothing there is the usual case; what cannot be read says nothing.
    guard let note = try? readFile(runDirectory.selfTestNote, limit: 4096), note.last == UInt8(ascii: "\n") else {
      return
    }
    throw Failure(unavailable: "the agent's self-test failed", String(decoding: note.dropLast(), as: UTF8.self))
  }

  /// That the kernel has all of what ADD needs only a change could tell; that it answers for nf_tables, a question can.
  private func requireBackend(_ preference: BackendSelection.Preference) throws(Failure) {
    var reason = ""
    if preference != .iptables {
      do throws(NetfilterError) {
        return try NftablesBackend().requireKernel()
      } catch {
        guard preference == .auto else {
          throw Failure(
            unavailable: "the kernel does not answer for nf_tables",
            "\(error.cause); load the kernel's module nf_tables, or allow iptables with \"redirect_backend\"")
        }
        reason = ", and the kernel does not answer for nf_tables: \(error.cause)"
      }
    }
    do throws(NetfilterError) {
      try IptablesBackend(folders: programFolders).requirePrograms()
    } catch {
      throw Failure(unavailable: "iptables is missing", "\(error.cause)\(reason); install iptables on the node")
    }
  }

  /// A binary that misreads its own rules would fail every CHECK.
  private func requireSelfConsistency(_ defaults: PolicyDefaults) throws(Failure) {
    for mode in Policy.Mode.allCases {
      let policy = Policy(
        mode: mode, inbound: .all(except: defaults.ports.health), outbound: .all, ownerGroups: defaults.ownerGroups,
        loopback: defaults.loopback, ports: defaults.ports)
      let problems: [String]
      do throws(NetfilterError) {
        problems = try NftablesBackend().selfCheck(Ruleset(policy, hasIPv6: true)).map(\.description)
      } catch {
        problems = [error.cause]
      }
      if !problems.isEmpty { throw Failure(misread: problems) }
    }
  }

  /// Fails, unless that has been said for long enough or cannot be limited.
  private mutating func report(_ failure: Failure, _ note: StatusNote) throws(Failure) {
    let reason: String?
    do throws(SystemError) {
      let age = try note.age(at: uptime)
      reason =
        age < StatusNote.limit
        ? nil : "not reported after \(age.components.seconds) s: a node that stays unready loses its pods"
    } catch {
      reason = "not reported, since it could not be limited: \(error)"
    }
    guard let reason else {
      log["decision"] = "unavailable"
      throw failure
    }
    log.raise(to: .warn)
    log["decision"] = "available"
    log["warning"] = .string("\(failure.message) (\(failure.details)); \(reason)")
  }
}
