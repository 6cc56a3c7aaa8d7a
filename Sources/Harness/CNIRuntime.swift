package import CNI
package import JSON
package import System
import SystemPackage

/// Plays the container runtime: runs a list of plugins as libcni does, which all Kubernetes runtimes use.
///
/// Copies share one cache, as one runtime before and after its list has changed.
package struct CNIRuntime: Sendable {
  /// Whose conventions are followed where runtimes differ.
  package enum Flavour: Sendable {
    case containerd
    /// Knows pods by name only.
    case podman
  }

  /// Which configuration DEL uses.
  package enum ConfigurationAge: Sendable {
    /// Today's list, as containerd does.
    case current
    /// The list, the arguments and the capability values of the ADD, as CRI-O and podman do; today's if they are lost.
    case cached
  }

  package let node: Node
  /// The list in force.
  package var list: NetworkList
  /// Folders of the node with plugins; the first that has one of a type wins.
  package let pluginFolders: [String]
  /// What plugins see beside the CNI variables.
  package let environment: [String: String]
  package let flavour: Flavour
  package let cache = AttachmentCache()

  package init(
    node: Node, list: NetworkList, pluginFolders: [String],
    environment: [String: String] = ["HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
    flavour: Flavour = .containerd
  ) {
    self.node = node
    self.list = list
    self.pluginFolders = pluginFolders
    self.environment = environment
    self.flavour = flavour
  }

  // MARK: Attachments

  /// ADD along the chain, each plugin with the result of the one before. After a failure nothing is undone; see
  /// ``setUp(_:interface:)``.
  ///
  /// - Returns: The last plugin's result.
  package func add(_ sandbox: Sandbox, interface: String = "eth0") throws(RuntimeError) -> JSONObject {
    let attachment = parameters(of: sandbox, interface)
    var previous: JSONObject?
    for plugin in list.plugins {
      let outcome = try run(.add(attachment, previous: previous), plugin, list)
      guard case .object(var result)? = try? JSONValue(parsing: outcome.standardOutput) else {
        throw RuntimeError(plugin.type, .ADD, outcome: outcome, reason: "no result")
      }
      if (result["cniVersion"]?.string ?? "").isEmpty { result["cniVersion"] = .string(list.version) }
      previous = result
    }
    let result = previous ?? [:]
    cache.insert(AttachmentCache.Entry(list: list, parameters: attachment, result: result))
    return result
  }

  /// CHECK along the chain, each plugin with the result of the whole chain, up to the first failure. Nothing is run if
  /// the list disables it.
  package func check(_ sandbox: Sandbox, interface: String = "eth0") throws(RuntimeError) {
    guard list.knows(.CHECK) else {
      throw RuntimeError(list.name, .CHECK, reason: "version \(list.version) does not have it")
    }
    if list.disablesCheck { return }
    let attachment = parameters(of: sandbox, interface)
    guard let result = cache.entry(attachment.attachment, network: list.name)?.result(for: list) else {
      throw RuntimeError(list.name, .CHECK, reason: "the result of ADD is not known")
    }
    for plugin in list.plugins { _ = try run(.check(attachment, result: result), plugin, list) }
  }

  /// DEL backwards along the chain, up to the first failure: what the plugins before it made stays, as with libcni. The
  /// result of the ADD is passed to each as long as it is known, which is until a DEL has succeeded.
  ///
  /// - Parameters:
  ///   - result: Another result than the known one.
  ///   - isGone: The namespace is closed already, and `CNI_NETNS` empty.
  ///   - age: Which configuration to use.
  package func delete(
    _ sandbox: Sandbox, interface: String = "eth0", result: JSONObject? = nil, isGone: Bool = false,
    with age: ConfigurationAge = .current
  ) throws(RuntimeError) {
    var attachment = parameters(of: sandbox, interface, isGone: isGone)
    var list = list
    if age == .cached, let entry = cache.entry(attachment.attachment) {
      list = entry.list
      attachment.arguments = entry.parameters.arguments
      attachment.capabilityValues = entry.parameters.capabilityValues
    }
    try delete(attachment, list, result: result)
  }

  private func delete(
    _ attachment: AttachmentParameters, _ list: NetworkList, result: JSONObject? = nil
  ) throws(RuntimeError) {
    let known = cache.entry(attachment.attachment, network: list.name)?.result(for: list)
    for plugin in list.plugins.reversed() { _ = try run(.delete(attachment, result: result ?? known), plugin, list) }
    cache.remove(attachment.attachment, network: list.name)
  }

  /// GC: DEL for every known attachment that is not valid any more, then GC for every plugin, whatever fails. Nothing at
  /// all is run if the list disables it.
  ///
  /// - Parameter valid: The attachments to leave alone; nil to name none and say so to no plugin, as `cnitool gc` does.
  /// - Returns: What failed.
  package func collectGarbage(valid: [Attachment]?) -> [RuntimeError] {
    if list.disablesGC { return [] }
    var errors: [RuntimeError] = []
    let collect = { (body: () throws(RuntimeError) -> Void) in
      do throws(RuntimeError) { try body() } catch { errors.append(error) }
    }
    for entry in cache.entries(of: list.name) where valid?.contains(entry.attachment) != true {
      collect { () throws(RuntimeError) in try delete(entry.parameters, list) }
    }
    guard list.knows(.GC) else { return errors }
    for plugin in list.plugins {
      collect { () throws(RuntimeError) in _ = try run(.collectGarbage(valid: valid), plugin, list) }
    }
    return errors
  }

  // MARK: The list as a whole

  /// STATUS of every plugin, up to the first failure. Nothing is run if the list's version has no STATUS.
  package func status() throws(RuntimeError) {
    guard list.knows(.STATUS) else { return }
    for plugin in list.plugins { _ = try run(.status, plugin, list) }
  }

  /// The versions that each plugin of the list says it speaks.
  package func probeVersions() throws(RuntimeError) -> [(plugin: String, versions: [String])] {
    var probed: [(plugin: String, versions: [String])] = []
    for plugin in list.plugins { probed.append((plugin.type, try versions(of: plugin))) }
    return probed
  }

  /// Checks that every plugin is there and speaks the list's version.
  ///
  /// - Returns: The capabilities that the list's plugins declare, each once, in alphabetical order.
  package func validate() throws(RuntimeError) -> [String] {
    let version = list.version.isEmpty ? SpecVersion.assumed.rawValue : list.version
    for (plugin, versions) in try probeVersions() where !versions.contains(version) {
      throw RuntimeError(plugin, .VERSION, reason: "it does not speak \(version)")
    }
    let declared = list.plugins.flatMap { $0["capabilities"]?.object?.members ?? [] }
    return Set(declared.filter { $0.value == true }.map(\.key)).sorted()
  }

  private func versions(of plugin: JSONObject) throws(RuntimeError) -> [String] {
    let outcome: ChildOutcome
    do throws(RuntimeError) {
      outcome = try run(.version, plugin, list)
    } catch let error where error.failure?["msg"] == "unknown CNI_COMMAND: VERSION" {
      return ["0.1.0"]
    }
    // Whatever is no reply has no versions.
    let reply = try? JSONValue(parsing: outcome.standardOutput)
    if let versions = reply?["supportedVersions"]?.array { return versions.compactMap(\.string) }
    guard reply?["cniVersion"] == "0.2.0" else {
      throw RuntimeError(plugin.type, .VERSION, outcome: outcome, reason: "no versions")
    }
    return ["0.1.0", "0.2.0"]
  }

  // MARK: One plugin

  /// Runs one plugin of the list, without regard to the cache.
  ///
  /// - Parameter timeLimit: The plugin is killed when it takes longer.
  /// - Throws: When it cannot be started or ends otherwise than with status 0.
  package func invoke(
    _ command: Command, _ plugin: JSONObject, _ sandbox: Sandbox, interface: String = "eth0",
    previous: JSONObject? = nil, isGone: Bool = false, timeLimit: Duration = .seconds(30)
  ) throws(RuntimeError) -> ChildOutcome {
    let attachment = parameters(of: sandbox, interface, isGone: isGone)
    let request: PluginRequest =
      switch command {
      case .ADD: .add(attachment, previous: previous)
      case .CHECK: .check(attachment, result: previous)
      case .DEL: .delete(attachment, result: previous)
      case .GC: .collectGarbage(valid: nil)
      case .STATUS: .status
      case .VERSION: .version
      }
    return try run(request, plugin, list, timeLimit: timeLimit)
  }

  /// Runs one plugin of the list for a request that has been made before; the same as
  /// ``invoke(_:_:_:interface:previous:isGone:timeLimit:)`` otherwise.
  package func run(
    _ request: PluginRequest, of plugin: JSONObject, timeLimit: Duration = .seconds(30)
  ) throws(RuntimeError) -> ChildOutcome {
    try run(request, plugin, list, timeLimit: timeLimit)
  }

  private func run(
    _ request: PluginRequest, _ plugin: JSONObject, _ list: NetworkList, timeLimit: Duration = .seconds(30)
  ) throws(RuntimeError) -> ChildOutcome {
    let variables = request.environment(path: pluginFolders.joined(separator: ":"))
    let environment = environment.merging(variables) { $1 }
    let input = JSONValue.object(request.input(for: plugin, of: list)).serialized()
    let outcome: ChildOutcome
    do throws(SystemError) {
      outcome = try node.run { [pluginFolders] () throws(SystemError) in
        try runChild(
          try Self.executable(of: plugin, in: pluginFolders), arguments: [], environment: environment,
          standardInput: input, timeLimit: timeLimit)
      }
    } catch {
      throw RuntimeError(plugin.type, request.command, reason: "\(error)")
    }
    guard outcome.status == .exited(0) else {
      throw RuntimeError(plugin.type, request.command, outcome: outcome)
    }
    return outcome
  }

  private static func executable(of plugin: JSONObject, in folders: [String]) throws(SystemError) -> String {
    for folder in folders where isExecutable("\(folder)/\(plugin.type)") { return "\(folder)/\(plugin.type)" }
    throw SystemError("find", "plugin \(plugin.type) in \(folders.joined(separator: ":"))", .noSuchFileOrDirectory)
  }

  /// What is passed for a sandbox, with the arguments in an order that differs from call to call as containerd's does.
  package func parameters(
    of sandbox: Sandbox, _ interface: String = "eth0", isGone: Bool = false
  ) -> AttachmentParameters {
    let pod = sandbox.pod
    let arguments =
      switch flavour {
      case .containerd:
        [
          "IgnoreUnknown=1", "K8S_POD_NAMESPACE=\(pod.namespace)", "K8S_POD_NAME=\(pod.name)",
          "K8S_POD_INFRA_CONTAINER_ID=\(sandbox.containerID)", "K8S_POD_UID=\(pod.uid)",
        ].shuffled()
      case .podman: ["IgnoreUnknown=1", "K8S_POD_NAME=\(pod.name)"]
      }
    return AttachmentParameters(
      containerID: sandbox.containerID, interface: interface, namespacePath: isGone ? "" : sandbox.path,
      arguments: arguments, capabilityValues: sandbox.capabilityValues)
  }
}

extension AttachmentParameters {
  var attachment: Attachment { Attachment(containerID: containerID, interfaceName: interface) }
}

extension JSONObject {
  /// `type` of a plugin's configuration: the name of its program.
  fileprivate var type: String { self["type"]?.string ?? "" }
}
