/// The folder that the plugin shares with the agent on its node, `cni_agent_run_dir`, and what is where in it.
///
/// It is gone after a reboot, as the pods are. Either side works without what the other one puts there.
package struct RunDirectory: Sendable, Equatable {
  /// The name of the plugin's kubeconfig.
  package static let kubeconfigName = "istio-cni-kubeconfig"

  package let path: String

  package init(_ path: String) {
    self.path = path
  }

  /// The plugin's way to the API server, written by the agent.
  package var kubeconfig: String { "\(path)/\(Self.kubeconfigName)" }
  /// Where the agent answers questions about pods.
  package var podSocket: String { "\(path)/pods.sock" }
  /// Where the agent takes a datagram from each of the plugin's invocations.
  package var recordSocket: String { "\(path)/records.sock" }
  /// What the agent heard there lately.
  package var history: String { "\(path)/history.jsonl" }
  /// What the plugin did to the attachments that it redirected.
  package var attachments: String { "\(path)/attachments" }
  /// Where the agent takes log lines from Istio's plugin, during an upgrade from that.
  package var logSocket: String { "\(path)/log.sock" }
  /// Why the agent's last self-test failed; not there while it does not.
  package var selfTestNote: String { "\(path)/self-test-failed" }
  /// Since when the plugin has been saying that it is not available.
  package var statusNote: String { "\(path)/status-failing-since" }
}
