package import CNI
import JSON
package import Netfilter
package import Redirect

/// The keys of our entry in the network configuration, with Istio's names and defaults, and our own.
package struct PluginConfiguration: Sendable, Equatable {
  package var logLevel: LogLevel
  /// What the agent shares with the plugin; nil when not configured.
  package var runDirectory: RunDirectory?
  package var excludedNamespaces: [String]
  /// The namespace of the agent's DaemonSet; empty when not configured.
  package var agentNamespace: String
  package var backend: BackendSelection.Preference
  /// What holds for every pod that does not say otherwise.
  package var policyDefaults: PolicyDefaults
  /// How long one invocation may take in all.
  package var deadline: Duration

  /// - Throws: code 7 for a key of a wrong type or value, code 2 for a feature that this plugin does not have.
  package init(_ configuration: NetworkConfiguration) throws(Failure) {
    logLevel = try configuration.string("plugin_log_level").flatMap { LogLevel($0) } ?? .info
    runDirectory = try configuration.runDirectory()
    excludedNamespaces = try configuration.strings("exclude_namespaces") ?? []
    agentNamespace = try configuration.string("pod_namespace") ?? ""
    let prefersNftables = try configuration.bool("native_nftables") ?? false
    _ = try configuration.bool("enable_ambient_detection_retry")
    if try configuration.bool("ambient_enabled") == true {
      throw Failure(
        code: .unsupportedField, message: "configuration key \"ambient_enabled\": true is not supported",
        details: "this plugin redirects sidecar pods only; set it to false")
    }
    let selectors = configuration.object["enablement_selectors"] ?? .null
    guard selectors == .null || selectors.array != nil else {
      throw Failure(
        code: .invalidConfiguration,
        message: "configuration key \"enablement_selectors\" must be a list, not \(selectors.text().prefix(40))")
    }
    // Istio's default of false means iptables because that is its older back end, not because anybody asked for it.
    backend = try Self.backend(try configuration.string("redirect_backend")) ?? (prefersNftables ? .nftables : .auto)
    policyDefaults = try PolicyDefaults(configuration)
    deadline = try Self.deadline(try configuration.int("deadline_seconds"))
  }

  /// What `redirect_backend` may say.
  private static func backend(_ text: String?) throws(Failure) -> BackendSelection.Preference? {
    guard let text else { return nil }
    guard let backend = BackendSelection.Preference(rawValue: text) else {
      throw Failure(
        code: .invalidConfiguration,
        message: "configuration key \"redirect_backend\": \"\(text.prefix(40))\" is not a back end",
        details: "use one of: \(BackendSelection.Preference.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return backend
  }

  /// Well below the two minutes that kubelet gives a sandbox.
  private static func deadline(_ seconds: Int?) throws(Failure) -> Duration {
    guard let seconds else { return .seconds(10) }
    guard (1...60).contains(seconds) else {
      throw Failure(
        code: .invalidConfiguration, message: "configuration key \"deadline_seconds\": \(seconds) is out of range",
        details: "use a number of seconds from 1 to 60")
    }
    return .seconds(seconds)
  }
}

extension NetworkConfiguration {
  /// `cni_agent_run_dir`; empty is as good as absent.
  package func runDirectory() throws(Failure) -> RunDirectory? {
    guard let path = try string("cni_agent_run_dir"), !path.isEmpty else { return nil }
    return RunDirectory(path)
  }
}
