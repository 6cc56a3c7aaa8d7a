import CNI
import Kubernetes
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
}
