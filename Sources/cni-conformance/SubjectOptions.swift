import ArgumentParser
import CNI
import Conformance
import JSON
import System

/// Which plugin, and what there is to know of it.
struct SubjectOptions: ParsableArguments {
  @Option(help: "The plugin binary.")
  var plugin: String?

  @Option(help: "What the plugin is: \(Role.allCases.map(\.rawValue).joined(separator: ", ")).")
  var role: Role?

  @Option(help: "A file with the plugin's entry of a network configuration list, as JSON.")
  var config: String?

  @Option(help: "A file with what else there is to know of the plugin; it may hold role and configuration, too.")
  var manifest: String?

  @Option(
    help: "A file with the entry of a plugin that runs before this one; without any there is a hand-made interface.")
  var after: [String] = []

  @Option(help: "Ask in these versions of the specification only.")
  var versions: [SpecVersion] = []

  @Option(help: "A folder with the plugins that are delegated to or run before.")
  var pluginFolder: [String] = ["/usr/lib/cni", "/opt/cni/bin"]

  func subject() throws -> Subject {
    let path = try absolute(plugin ?? "")
    var facts = try manifest.map { try Manifest(parsing: try readFile($0, limit: 1 << 20)) }
    if let config {
      let entry = try object(in: config)
      if facts != nil {
        facts?.configuration = entry
      } else {
        facts = role.map { Manifest(role: $0, configuration: entry) }
      }
    } else if facts == nil, let role {
      let name = path.split(separator: "/").last.map { String($0) } ?? path
      facts = Manifest(role: role, configuration: ["type": .string(name)])
    }
    guard var facts else { throw ValidationError("--role or --manifest must say what the plugin is") }
    if let role { facts.role = role }
    if !after.isEmpty { facts.predecessors = try after.map(entry) }
    return try Subject(
      path: path, manifest: facts, pluginFolders: pluginFolder, versions: versions.isEmpty ? nil : versions)
  }

  /// The entry of a plugin that is given by its type or by a file.
  private func entry(_ text: String) throws -> JSONObject {
    if text.contains("/") || text.hasSuffix(".json") { return try object(in: text) }
    var entry: JSONObject = ["type": .string(text)]
    if ["bridge", "ptp", "macvlan", "ipvlan"].contains(text) {
      entry["ipam"] = [
        "type": "host-local", "dataDir": "/run/cni/networks",
        "ranges": [[["subnet": "10.88.0.0/16"]], [["subnet": "fd00:88::/64"]]],
        "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
      ]
    }
    return entry
  }

  private func object(in path: String) throws -> JSONObject {
    guard let object = try JSONValue(parsing: try readFile(path, limit: 1 << 20)).object else {
      throw ValidationError("\(path) is not a JSON object")
    }
    return object
  }

  private func absolute(_ path: String) throws -> String {
    path.hasPrefix("/") ? path : "\(try readLink("/proc/self/cwd"))/\(path)"
  }
}
