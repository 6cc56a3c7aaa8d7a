import System
import TestKit

/// The folders of a node that `install-cni` works on, and of a pod that it runs in, gone with their owner.
final class NodeFolder: Sendable {
  private let folder: TemporaryFolder
  var path: String { folder.path }

  init() throws {
    folder = try TemporaryFolder()
    for name in ["bin", "net.d", "run", "config", "cache"] { try makeFolder("\(folder.path)/\(name)") }
    try write("image/istio-cni", "the plugin", mode: 0o755)
    try write("account/token", "header.eyJleHAiOjQwMDAwMDAwMDB9.signature")
    try write("account/ca.crt", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")
    try write("account/namespace", "istio-system")
  }

  func write(_ name: String, _ text: String, mode: UInt32 = 0o644) throws {
    try folder.write(text, to: name, mode: mode)
  }

  func text(_ name: String) throws -> String {
    String(decoding: try readFile("\(path)/\(name)", limit: 1 << 20), as: UTF8.self)
  }

  /// What the agent's container would have.
  var environment: [String: String] {
    [
      "CNI_BIN_SOURCE_DIR": "\(path)/image", "CNI_BIN_TARGET_DIRS": "\(path)/bin",
      "MOUNTED_CNI_NET_DIR": "\(path)/net.d", "CNI_AGENT_RUN_DIR": "\(path)/run",
      "SERVICE_ACCOUNT_DIR": "\(path)/account", "CONFIG_DIR": "\(path)/config", "CNI_CACHE_DIR": "\(path)/cache",
      "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "9",
    ]
  }
}
