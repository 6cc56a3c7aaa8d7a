package import CNI
package import JSON
package import System
import SystemPackage

/// Plays the container runtime: runs a list of plugins as the CNI specification says and as containerd does it.
package struct CNIRuntime: Sendable {
  package let node: Node
  package let list: NetworkList
  /// Folders with plugins; the first that has one of a type wins.
  package let pluginFolders: [String]
  /// What plugins see beside the CNI variables.
  package let environment: [String: String]

  package init(
    node: Node, list: NetworkList, pluginFolders: [String],
    environment: [String: String] = ["HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
  ) {
    self.node = node
    self.list = list
    self.pluginFolders = pluginFolders
    self.environment = environment
  }

  /// ADD along the chain, each plugin with the result of the one before.
  ///
  /// - Returns: The last plugin's result.
  package func add(_ sandbox: Sandbox, interface: String = "eth0") throws(RuntimeError) -> JSONObject {
    var previous: JSONObject?
    for plugin in list.plugins {
      let outcome = try invoke(.ADD, plugin, sandbox, interface: interface, previous: previous)
      guard case .object(let result)? = try? JSONValue(parsing: outcome.standardOutput) else {
        throw RuntimeError(plugin: plugin, command: .ADD, outcome: outcome)
      }
      previous = result
    }
    return previous ?? [:]
  }

  /// DEL backwards along the chain.
  ///
  /// - Parameters:
  ///   - result: What ADD returned; nil as when the runtime has lost it, or when ADD failed.
  ///   - isGone: The namespace is closed already, and `CNI_NETNS` empty.
  package func delete(
    _ sandbox: Sandbox, interface: String = "eth0", result: JSONObject? = nil, isGone: Bool = false
  ) throws(RuntimeError) {
    for plugin in list.plugins.reversed() {
      _ = try invoke(.DEL, plugin, sandbox, interface: interface, previous: result, isGone: isGone)
    }
  }

  /// Runs one plugin of the list.
  ///
  /// - Parameter timeLimit: The plugin is killed when it takes longer.
  /// - Throws: When it cannot be started or ends otherwise than with status 0.
  package func invoke(
    _ command: Command, _ plugin: JSONObject, _ sandbox: Sandbox, interface: String = "eth0",
    previous: JSONObject? = nil, isGone: Bool = false, timeLimit: Duration = .seconds(30)
  ) throws(RuntimeError) -> ChildOutcome {
    var configuration = plugin
    configuration["name"] = .string(list.name)
    configuration["cniVersion"] = .string(list.version)
    configuration["prevResult"] = previous.map { .object($0) }
    var environment = environment
    environment["CNI_COMMAND"] = command.rawValue
    environment["CNI_CONTAINERID"] = sandbox.containerID
    environment["CNI_NETNS"] = isGone ? "" : sandbox.path
    environment["CNI_IFNAME"] = interface
    environment["CNI_ARGS"] = Self.arguments(sandbox)
    environment["CNI_PATH"] = pluginFolders.joined(separator: ":")
    let outcome: ChildOutcome
    do throws(SystemError) {
      outcome = try node.runProgram(
        try executable(of: plugin), environment: environment,
        standardInput: JSONValue.object(configuration).serialized(), timeLimit: timeLimit)
    } catch {
      throw RuntimeError(plugin: plugin, command: command, cause: error)
    }
    guard outcome.status == .exited(0) else {
      throw RuntimeError(plugin: plugin, command: command, outcome: outcome)
    }
    return outcome
  }

  /// The five that Kubernetes runtimes pass, in an order that differs from call to call as containerd's does.
  private static func arguments(_ sandbox: Sandbox) -> String {
    [
      "IgnoreUnknown=1", "K8S_POD_NAMESPACE=\(sandbox.pod.namespace)", "K8S_POD_NAME=\(sandbox.pod.name)",
      "K8S_POD_INFRA_CONTAINER_ID=\(sandbox.containerID)", "K8S_POD_UID=\(sandbox.pod.uid)",
    ].shuffled().joined(separator: ";")
  }

  private func executable(of plugin: JSONObject) throws(SystemError) -> String {
    let type = plugin["type"]?.string ?? ""
    for folder in pluginFolders where isExecutable("\(folder)/\(type)") { return "\(folder)/\(type)" }
    throw SystemError("find", "plugin \(type) in \(pluginFolders.joined(separator: ":"))", .noSuchFileOrDirectory)
  }
}

/// A network configuration list.
package struct NetworkList: Sendable {
  package let name: String
  package let version: String
  package let plugins: [JSONObject]

  package init(name: String, version: String, plugins: [JSONObject]) {
    self.name = name
    self.version = version
    self.plugins = plugins
  }
}

/// A plugin that failed.
package struct RuntimeError: Error, CustomStringConvertible {
  package let plugin: String
  package let command: Command
  /// Nil when the plugin could not be run at all.
  package let outcome: ChildOutcome?
  package let cause: SystemError?

  init(plugin: JSONObject, command: Command, outcome: ChildOutcome? = nil, cause: SystemError? = nil) {
    self.plugin = plugin["type"]?.string ?? "?"
    self.command = command
    self.outcome = outcome
    self.cause = cause
  }

  /// The error object that the plugin printed, if it printed one.
  package var failure: JSONObject? {
    outcome.flatMap { try? JSONValue(parsing: $0.standardOutput) }?.object
  }

  package var description: String {
    if let cause { return "\(command) of \(plugin): \(cause)" }
    guard let outcome else { return "\(command) of \(plugin)" }
    let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
    return "\(command) of \(plugin): \(outcome.status)\(outcome.timedOut ? ", timed out" : ""): "
      + text(outcome.standardOutput) + text(outcome.standardError)
  }
}
