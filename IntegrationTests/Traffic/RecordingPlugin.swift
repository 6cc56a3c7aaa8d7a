import Harness
import JSON
import System

/// A plugin that writes down what it is given, under as many names as a chain needs, and passes the result on. It lives
/// in a node's memory, and ends with it.
struct RecordingPlugin {
  /// One call, as the plugin saw it.
  struct Call {
    let plugin: String
    let environment: [String: String]
    let input: JSONObject

    var command: String { environment["CNI_COMMAND"] ?? "" }
    /// Who was asked for what.
    var title: String { "\(command) \(plugin)" }
  }

  static let folder = "/run/recording-plugin"
  private let node: Node

  init(names: [String], on node: Node) throws {
    self.node = node
    for name in names { try node.write(Self.script, to: "\(Self.folder)/\(name)", mode: 0o755) }
    try node.run { () throws(SystemError) in try makeFolder("\(Self.folder)/calls") }
  }

  /// Makes a verb of one of the names fail with code 50, or work again.
  func setFailing(_ isFailing: Bool, _ command: String, of name: String) throws {
    let path = "\(Self.folder)/fail-\(command)-\(name)"
    if isFailing {
      try node.write("", to: path)
    } else {
      _ = try node.runProgram("/bin/rm", [path])
    }
  }

  /// The calls so far, the first one first.
  func calls() throws -> [Call] {
    try node.run { () throws(SystemError) in
      var records: [[[UInt8]]] = []
      while isExecutable("\(Self.folder)/calls/\(records.count)") {
        let call = "\(Self.folder)/calls/\(records.count)"
        var record: [[UInt8]] = []
        for part in ["plugin", "environment", "input"] {
          record.append(try readFile("\(call)/\(part)", limit: 1 << 20))
        }
        records.append(record)
      }
      return records
    }.map { record in
      let variables = record[1].split(separator: 0).map {
        String(decoding: $0, as: UTF8.self).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      }
      return Call(
        plugin: String(decoding: record[0], as: UTF8.self),
        environment: Dictionary(uniqueKeysWithValues: variables.map { (String($0[0]), String($0[1])) }),
        input: try JSONValue(parsing: record[2]).object ?? [:])
    }
  }

  /// Names its programs by their paths, for the environment is what the runtime makes it. Finds `prevResult` by its being
  /// the runtime's last key.
  private static let script = """
    #!/bin/sh
    here=${0%/*} name=${0##*/} count=0
    while ! /bin/mkdir "$here/calls/$count" 2>/dev/null; do count=$((count + 1)); done
    call=$here/calls/$count
    printf %s "$name" >"$call/plugin"
    /bin/cat "/proc/$$/environ" >"$call/environment"
    /bin/cat >"$call/input"
    if [ -e "$here/fail-$CNI_COMMAND-$name" ]; then
      echo '{"code": 50, "msg": "told to fail"}'
      exit 1
    fi
    case $CNI_COMMAND in
    ADD)
      result=$(/bin/sed -n 's/^.*"prevResult":\\(.*\\)}$/\\1/p' "$call/input")
      echo "${result:-"{\\"ips\\":[]}"}"
      ;;
    VERSION) echo '{"cniVersion": "1.1.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]}' ;;
    esac

    """
}
