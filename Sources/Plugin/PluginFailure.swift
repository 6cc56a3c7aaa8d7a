package import CNI
import Kubernetes
import MeshPod
import Netfilter
import Redirect
import System
import SystemPackage

/// Every error of the modules below, as the runtime and `kubectl describe pod` get to see it.
extension Failure {
  init(_ error: PolicyError) {
    self.init(
      code: .badPodSetting, message: error.description,
      details: "\(error.advice); the pod was not started so that its traffic cannot bypass the proxy")
  }

  /// A passing trouble asks the runtime to try again; a lasting one says what to mend.
  init(_ error: KubernetesError) {
    self.init(
      code: error.retryHelps ? .tryAgainLater : .unreadablePod, message: error.message, details: error.details)
  }

  init(_ error: SystemError, entering path: String, of pod: PodName) {
    let advice =
      switch error.errno {
      case .noSuchFileOrDirectory: "the sandbox is gone; kubelet makes a new one"
      case .notPermitted, .permissionDenied: "the runtime must start plugins with CAP_SYS_ADMIN"
      case .invalidArgument: "\(path) is not a network namespace; it may be left over from before a reboot"
      default: "kubelet will try again"
      }
    self.init(
      code: .unusableNamespace, message: "cannot enter the network namespace of \(pod)",
      details: "\(error); \(advice)")
  }

  init(_ error: NetfilterError, redirecting pod: PodName) {
    self.init(
      code: .refusedRedirect, message: "cannot redirect the traffic of \(pod)",
      details: "\(error), and the pod was not started so that its traffic cannot bypass the proxy")
  }
}

extension Failure {
  init(_ error: SystemError, recording pod: PodName) {
    self.init(
      code: .io, message: "cannot record the attachment of \(pod.shortened)",
      details: """
        \(error); the pod was not started, since CHECK and DEL could not tell what was done to it; no rule was applied; \
        check that cni_agent_run_dir is a folder that can be written to and has free space
        """)
  }

  init(_ error: SystemError, keepingRecordOf container: String) {
    self.init(
      code: .io, message: "cannot remove the record of container \(container.prefix(40))",
      details: """
        \(error); all else that DEL is for was done; a retry helps once the folder in cni_agent_run_dir can be written to
        """)
  }

  init(_ error: NetfilterError, reading pod: PodName) {
    self.init(
      code: .refusedRedirect, message: "cannot read the redirect of \(pod.shortened)",
      details: "\(error.cause); nothing was changed, and whether the redirect is intact is not known; try again")
  }

  /// More differences than an operator reads.
  private static let shownDifferenceCount = 20

  /// What CHECK says of a pod that has drifted.
  init(_ differences: [Difference], of pod: PodName) {
    let hidden = differences.count - Self.shownDifferenceCount
    let shown =
      differences.prefix(Self.shownDifferenceCount).map(\.description) + (hidden > 0 ? ["\(hidden) more"] : [])
    self.init(
      code: .driftedRedirect, message: "the redirect of \(pod.shortened) is not as it was made",
      details: "\(shown.joined(separator: "; ")); delete the pod, so that it is set up anew")
  }
}

/// What STATUS says while no pod can be redirected.
extension Failure {
  init(unavailable reason: String, _ details: String) {
    self.init(code: .notAvailable, message: "cannot redirect pods: \(reason)", details: details)
  }

  init(unavailable error: KubernetesError) {
    let reason =
      switch error.operation {
      case .readKubeconfig: "there is no usable kubeconfig"
      case .findRoute: "there is no route to the API server"
      default: "there is no usable token for the API server"
      }
    self.init(unavailable: reason, "\(error.message): \(error.cause); \(error.advice)")
  }

  /// - Parameter problems: what differs between the rules that this program writes and what it reads in them.
  package init(misread problems: [String]) {
    self.init(
      unavailable: "the plugin misreads the rules that it writes",
      "\(problems.joined(separator: "; ")); the binary is damaged: install it again")
  }
}

/// Our own codes; README has them in a table.
extension Failure.Code {
  /// An annotation, environment variable or security context that cannot be honoured.
  static let badPodSetting = pluginSpecific(101)
  /// The pod's network namespace cannot be entered.
  static let unusableNamespace = pluginSpecific(102)
  /// The kernel refused the rules.
  static let refusedRedirect = pluginSpecific(103)
  /// The pod's facts cannot be had, and a retry alone won't help.
  static let unreadablePod = pluginSpecific(104)
  /// A running pod's redirect is not what ADD made of it.
  static let driftedRedirect = pluginSpecific(105)
}
