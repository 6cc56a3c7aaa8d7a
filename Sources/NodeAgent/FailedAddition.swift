package import JSON
import Logging

/// A pod whose start the plugin did not let go on, and what an Event says about it.
///
/// kubelet's own Event (`FailedCreatePodSandBox`) has the plugin's message in the middle of the runtime's, and none of
/// its details.
package struct FailedAddition: Sendable, Equatable {
  package let subject: EventRecorder.Subject
  package let notice: AgentNotice

  /// - Parameter record: of an invocation, as the plugin tells it; nil comes of all but an ADD for a pod that failed.
  package init?(_ record: JSONValue) {
    guard record["command"]?.string == "ADD", let code = record["code"]?.int, code != 0,
      let pod = record["pod"]?.string?.split(separator: "/"), pod.count == 2
    else { return nil }
    subject = .pod(namespace: String(pod[0]), name: String(pod[1]), uid: record["uid"]?.string)
    // Neither ever holds credentials, environment or annotations beyond the value that is at fault.
    let error = record["error"]?.string ?? "the pod's network cannot be set up (code \(code))"
    notice = AgentNotice(.warning, Self.reason(code), error, remedy: record["details"]?.string)
  }

  /// Source: the table of error codes in the README.
  private static func reason(_ code: Int) -> String {
    switch code {
    case 7: "InvalidPluginConfiguration"
    case 11, 104: "UnreadablePod"
    case 101: "InvalidRedirectSetting"
    case 102: "UnusableNetworkNamespace"
    default: "FailedRedirect"
    }
  }
}
