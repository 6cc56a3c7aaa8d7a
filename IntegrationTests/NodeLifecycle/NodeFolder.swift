import Glibc
import NodeAgent
import System

/// The folders of a node that `install-cni` works on, and of a pod that it runs in, gone with their owner.
final class NodeFolder: Sendable {
  let path: String

  init() throws {
    path = "/tmp/node-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    for folder in ["", "/image", "/bin", "/net.d", "/run", "/account", "/config", "/cache"] {
      try makeFolder(path + folder)
    }
    try write("image/istio-cni", "the plugin", mode: 0o755)
    try write("account/token", "header.eyJleHAiOjQwMDAwMDAwMDB9.signature")
    try write("account/ca.crt", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")
    try write("account/namespace", "istio-system")
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in (try? names(inFolder: path)) ?? [] { remove("\(path)/\(name)") }
    if rmdir(path) != 0 { unlink(path) }
  }

  func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
    try AtomicFile.write(Array(text.utf8), to: "\(path)/\(name)", mode: mode)
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
