import JSON
import Netlink
import System

/// Why a self-test did not pass.
struct SelfTestFailure: Error, Sendable, Equatable {
  /// Whom the failure is about.
  enum Concern: Sendable {
    /// The plugin: pods of the mesh are not redirected on this node as they should be.
    case plugin
    /// The agent could not try, so that nothing is known of the plugin.
    case agent
    /// What the plugin uses is on the node and not in the agent's container, so that it can never be tried.
    case container
  }

  let concern: Concern
  /// What could not be done, on what, and why.
  let problem: String
  /// What to do.
  let remedy: String

  init(_ concern: Concern, _ problem: String, remedy: String) {
    self.concern = concern
    self.problem = problem
    self.remedy = remedy
  }
}

// MARK: - The agent could not try

extension SelfTestFailure {
  private static let privileges =
    "give the agent's container the capabilities SYS_ADMIN and NET_ADMIN, or set SELF_TEST to false"

  static func noNamespace(_ error: SystemError) -> SelfTestFailure {
    SelfTestFailure(.agent, "cannot make network namespaces for the self-test: \(error)", remedy: privileges)
  }

  static func noNetwork(_ error: NetlinkError) -> SelfTestFailure {
    SelfTestFailure(
      .agent, "cannot connect the self-test's network namespaces: \(error)",
      remedy: "\(privileges); the kernel must have veth interfaces, which most container networks use")
  }

  static func noListener(_ endpoint: Endpoint, _ error: SystemError) -> SelfTestFailure {
    SelfTestFailure(
      .agent, "cannot listen on the proxy's port \(endpoint.port) in the self-test's network namespace: \(error)",
      remedy: "look for what opens sockets in namespaces that it does not know, or set SELF_TEST to false")
  }

  static func odd(_ route: SelfTestRoute, _ outcome: SelfTestOutcome) -> SelfTestFailure {
    SelfTestFailure(
      .agent, "cannot use the self-test's network: before any rule was made, \(route) \(outcome)",
      remedy: "look for what writes rules into new network namespaces, or set SELF_TEST to false")
  }

  static func noAnswer(_ socket: String, _ error: SystemError) -> SelfTestFailure {
    SelfTestFailure(
      .agent, "cannot ask the agent's own socket \(socket) about the self-test's pod: \(error)",
      remedy: "let the run directory be a folder that can be written to; the log says why the socket is not there")
  }

  static func foreignAnswer(_ socket: String) -> SelfTestFailure {
    SelfTestFailure(
      .agent, "another agent answers at \(socket), which does not know the self-test's pod",
      remedy: "end all agents on this node but one; two undo each other's work")
  }

  static let noPrograms = SelfTestFailure(
    .container,
    "the back end iptables cannot be tried, since its programs are on the node and not in the agent's image",
    remedy: "let the plugin use nf_tables, or watch its own records")
}

// MARK: - The plugin does not do what it should

extension SelfTestFailure {
  static func notRun(_ binary: String, _ error: SystemError) -> SelfTestFailure {
    SelfTestFailure(
      .plugin, "cannot run the installed plugin \(binary): \(error)",
      remedy:
        "check that the folder is mounted so that programs in it can be run, and that the image is for this machine")
  }

  static func notEnded(_ command: String, after limit: Duration) -> SelfTestFailure {
    SelfTestFailure(
      .plugin,
      "the installed plugin did not end \(command) of the self-test's pod within "
        + "\(limit.components.seconds) s",
      remedy: "see whether the node is overloaded, and what the plugin waits for (install-cni history)")
  }

  /// - Parameter answer: What it printed: a CNI error, if it is the plugin.
  static func refused(_ command: String, _ status: ChildStatus, answer: [UInt8]) -> SelfTestFailure {
    // What is no JSON says nothing.
    let error = (try? JSONValue(parsing: answer)) ?? .null
    let details = error["details"]?.string ?? ""
    return SelfTestFailure(
      .plugin,
      "the installed plugin failed \(command) of the self-test's pod: \(error["msg"]?.string ?? status.text)",
      remedy: details.isEmpty ? "run it by hand to see what is wrong, or install it again" : details)
  }

  static func noResult(_ binary: String) -> SelfTestFailure {
    SelfTestFailure(
      .plugin, "the installed plugin \(binary) ended well without a result",
      remedy: "see what program that is: it is not the plugin of this release")
  }

  static func notRedirected(_ route: SelfTestRoute, _ outcome: SelfTestOutcome) -> SelfTestFailure {
    SelfTestFailure(
      .plugin, "a pod of the mesh is not redirected on this node: \(route) \(outcome)",
      remedy:
        "see whether the kernel has NAT for the back end in use, and whether another program changes rules in pods")
  }

  static func notRemoved(_ route: SelfTestRoute, _ outcome: SelfTestOutcome) -> SelfTestFailure {
    SelfTestFailure(
      .plugin, "the redirect stays in a pod's namespace after DEL: \(route) \(outcome)",
      remedy: "see whether another program changes rules in pods, or install the plugin again")
  }
}

extension ChildStatus {
  fileprivate var text: String {
    switch self {
    case .exited(let code): "it ended with status \(code)"
    case .signalled(let number): "signal \(number) ended it"
    }
  }
}
