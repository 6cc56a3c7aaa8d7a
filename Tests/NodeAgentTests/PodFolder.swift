import Glibc
import NodeAgent
import System

/// What kubelet mounts into the agent's pod, in a folder that goes with its owner.
final class PodFolder: Sendable {
  let path: String

  init() throws {
    path = "/tmp/node-agent-pod-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    for folder in ["", "/account", "/config", "/run"] { try makeFolder(path + folder) }
    try write("ca.crt", Self.authority)
    try write("namespace", "istio-system")
    try write("token", Self.token(expiring: 2_000_000_000))
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in (try? names(inFolder: path)) ?? [] { remove("\(path)/\(name)") }
    if rmdir(path) != 0 { unlink(path) }
  }

  static let authority = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"

  /// A token whose only claim is its end, seconds since 1970.
  static func token(expiring: Int) -> String {
    let claims = #"{"exp":\#(expiring)}"#
    let payload = Array(claims.utf8).base64URL
    return "eyJhbGciOiJub25lIn0.\(payload).c2lnbmF0dXJl"
  }

  var account: String { "\(path)/account" }
  var config: String { "\(path)/config" }

  /// Writes a file of the ServiceAccount.
  func write(_ name: String, _ text: String) throws {
    try AtomicFile.write(Array(text.utf8), to: "\(account)/\(name)", mode: 0o600)
  }

  /// Makes the ConfigMap hold these values, the way kubelet does: a new folder, and one link swapped.
  func setConfigMap(_ values: [String: String]) throws {
    let version = "..\(UInt32.random(in: 0...UInt32.max))"
    try makeFolder("\(config)/\(version)")
    for (key, value) in values {
      try PlainFile.write(Array(value.utf8), to: "\(config)/\(version)/\(key)", mode: 0o644)
      symlink("..data/\(key)", "\(config)/\(key)")
    }
    symlink(version, "\(config)/..data_tmp")
    rename("\(config)/..data_tmp", "\(config)/..data")
    for name in try names(inFolder: config) where !name.hasPrefix("..") && values[name] == nil {
      unlink("\(config)/\(name)")
    }
  }

  /// The environment of an agent in this pod.
  var environment: [String: String] {
    [
      "SERVICE_ACCOUNT_DIR": account, "CONFIG_DIR": config, "CNI_AGENT_RUN_DIR": "\(path)/run",
      "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443",
    ]
  }
}

extension [UInt8] {
  fileprivate var base64URL: String {
    let digits = Array<Character>("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    var text = ""
    var bits = 0
    var count = 0
    for byte in self {
      bits = (bits << 8 | Int(byte)) & 0xFFFF
      count += 8
      while count >= 6 {
        count -= 6
        text.append(digits[bits >> count & 0x3F])
      }
    }
    if count > 0 { text.append(digits[bits << (6 - count) & 0x3F]) }
    return text
  }
}
