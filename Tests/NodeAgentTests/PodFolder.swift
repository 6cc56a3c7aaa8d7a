import Harness
import System
import TestKit

/// What kubelet mounts into the agent's pod, in a folder that goes with its owner.
final class PodFolder: Sendable {
  private let folder: TemporaryFolder
  var path: String { folder.path }

  init() throws {
    folder = try TemporaryFolder()
    for name in ["account", "config", "run"] { try makeFolder("\(folder.path)/\(name)") }
    try write("ca.crt", Self.authority)
    try write("namespace", "istio-system")
    try write("token", serviceAccountToken(expiry: .seconds(2_000_000_000)))
  }

  static let authority = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"

  var account: String { "\(path)/account" }
  var config: String { "\(path)/config" }

  /// Writes a file of the ServiceAccount.
  func write(_ name: String, _ text: String) throws {
    try folder.write(text, to: "account/\(name)")
  }

  /// Makes the ConfigMap hold these values, the way kubelet does.
  func setConfigMap(_ values: [String: String]) throws { try KubeletVolume.update(config, values) }

  /// The environment of an agent in this pod.
  var environment: [String: String] {
    [
      "SERVICE_ACCOUNT_DIR": account, "CONFIG_DIR": config, "CNI_AGENT_RUN_DIR": "\(path)/run",
      "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443",
    ]
  }
}
