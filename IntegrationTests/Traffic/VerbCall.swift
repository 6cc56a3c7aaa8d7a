import CNI
import Harness
import JSON
import System
import Testing

/// What our plugin alone, without the chain before it, answered to a verb.
struct VerbAnswer {
  let status: ChildStatus
  let output: [UInt8]
  /// The one line on standard error.
  let log: JSONValue

  var isSilentSuccess: Bool { status == .exited(0) && output.isEmpty }

  /// The error object; an issue if the verb succeeded.
  func failure() throws -> (code: Int, message: String, details: String) {
    try #require(status == .exited(1), "\(log)")
    let object = try JSONValue(parsing: output)
    return (
      try #require(object["code"]?.int), try #require(object["msg"]?.string), object["details"]?.string ?? ""
    )
  }
}

extension MeshNode {
  /// Runs a verb of our plugin with a configuration of version 1.1.0.
  ///
  /// - Parameters:
  ///   - sandbox: what the verb is about; nil for GC and STATUS, whose variables are set and empty then.
  ///   - keys: for the configuration, in addition to the list's or in place of its.
  func call(
    _ command: Command, _ sandbox: Sandbox? = nil, interface: String = "eth0", network: String = "mesh",
    keys: JSONObject = [:], environment changes: [String: String] = [:]
  ) throws -> VerbAnswer {
    var configuration = try #require(runtime.list.plugins.last)
    configuration["cniVersion"] = "1.1.0"
    configuration["name"] = .string(network)
    if sandbox != nil {
      configuration["prevResult"] = ["cniVersion": "1.1.0", "ips": [["address": "10.88.0.9/16"]]]
    }
    for member in keys.members { configuration[member.key] = member.value }
    var environment = [
      "CNI_COMMAND": command.rawValue, "CNI_CONTAINERID": sandbox?.containerID ?? "",
      "CNI_NETNS": sandbox?.path ?? "", "CNI_IFNAME": sandbox == nil ? "" : interface, "CNI_PATH": "/opt/cni/bin",
      "CNI_ARGS": sandbox.map {
        "K8S_POD_NAMESPACE=\($0.pod.namespace);K8S_POD_NAME=\($0.pod.name);K8S_POD_UID=\($0.pod.uid)"
      } ?? "",
    ]
    for (key, value) in changes { environment[key] = value }
    let outcome = try node.runProgram(
      "\(try executableFolder())/istio-cni", environment: environment,
      standardInput: JSONValue.object(configuration).serialized())
    return VerbAnswer(
      status: outcome.status, output: outcome.standardOutput, log: try JSONValue(parsing: outcome.standardError))
  }

  /// The file with the record of an attachment.
  func recordPath(_ sandbox: Sandbox, interface: String = "eth0", network: String = "mesh") -> String {
    "\(Self.runDirectory)/attachments/\(network)/\(interface)/\(sandbox.containerID)"
  }

  /// Whether there is a file, a folder or a link on the node.
  func has(_ path: String) throws -> Bool { try node.run { () throws(SystemError) in try exists(path) } }

  /// Runs a program on the node and returns what it prints.
  @discardableResult
  func run(_ program: String, _ arguments: String...) throws -> String {
    let outcome = try node.runProgram(program, arguments)
    try #require(outcome.status == .exited(0), "\(String(decoding: outcome.standardError, as: UTF8.self))")
    return String(decoding: outcome.standardOutput, as: UTF8.self)
  }

  /// All files in the plugin's folder: names, modes, sizes, times.
  func runDirectoryListing() throws -> String {
    try run("/usr/bin/find", Self.runDirectory, "-printf", "%p %m %s %T@\n")
  }
}
