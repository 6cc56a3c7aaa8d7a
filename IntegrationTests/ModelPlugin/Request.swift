import CNI
import FaultTable
import JSON
import System
import SystemPackage

/// One invocation, read and checked as far as all roles have it in common.
struct Request {
  let invocation: Invocation
  let configuration: NetworkConfiguration
  /// Standard input, byte for byte, for a delegate.
  let input: [UInt8]
  /// Standard input before the committed fault took it for something else.
  let rawInput: [UInt8]
  let environment: [String: String]

  init(_ invocation: Invocation, input: [UInt8], environment: [String: String]) throws(Failure) {
    if invocation.command == .GC, invocation.path.isEmpty {
      throw Failure(code: .invalidEnvironment, message: "cannot run GC without CNI_PATH")
    }
    self.invocation = invocation
    rawInput = input
    self.input = try misread(input, invocation.command)
    self.environment = environment
    configuration = try NetworkConfiguration(parsing: self.input)
    if fault != .runsVerbsOfLaterVersions { try invocation.command.require(in: configuration.version) }
  }

  /// Does what the verb asks, in the role that is ours.
  ///
  /// - Returns: what to print, if the verb prints anything.
  func serve() throws(Failure) -> JSONObject? {
    if try configuration.string("logLevel") == "debug" {
      CurrentProcess.writeStandardError(Array("model-cni: \(invocation)\n".utf8))
    }
    let role = try role()
    if try !misconduct(role) { return nil }
    switch invocation.command {
    case .ADD: return try misremember(try role.add())
    case .DEL: try role.delete()
    case .CHECK:
      guard configuration.previousResult != nil else {
        throw Failure(code: .invalidConfiguration, message: "cannot CHECK without prevResult")
      }
      try role.check()
    case .GC: try role.collect(valid: try validAttachments())
    case .STATUS: try role.status()
    case .VERSION: break
    }
    return nil
  }

  /// The attachments that GC leaves alone; nil when the runtime does not say.
  private func validAttachments() throws(Failure) -> Set<Attachment>? {
    if fault == .collectsEverything { return [] }
    if fault == .knowsTheNewKeyOnly, configuration.object["cni.dev/valid-attachments"] == nil { return nil }
    let valid = try configuration.validAttachments()
    return fault == .collectsWithoutAList ? valid ?? [] : valid
  }
}

// MARK: - What roles ask of it

extension Request {
  /// What the state of this invocation belongs to.
  var key: AttachmentKey {
    AttachmentKey(
      network: configuration.name, containerID: invocation.containerID, interface: invocation.interfaceName)
  }

  /// Where the plugin keeps what it must remember.
  func dataFolder() throws(Failure) -> String {
    try configuration.string("dataDir") ?? "/run/model-cni"
  }

  /// The namespace of the container.
  ///
  /// - Throws: before any effect, if it is the plugin's own: whoever mistakes the node for a container would have it
  ///   reconfigured.
  func containerNamespace() throws(Failure) -> NetworkNamespace {
    let path = invocation.namespacePath ?? ""
    let namespace = try attempting("open the network namespace \(path)") { try NetworkNamespace.open(path) }
    let own = try attempting("look at the own namespace") { try NetworkNamespace.current().identity }
    guard namespace.identity != own || invocation.allowsOwnNamespace else {
      throw Failure(
        code: .invalidEnvironment, message: "cannot use CNI_NETNS \(path): it is the plugin's own namespace")
    }
    return namespace
  }

  /// The namespace for DEL; nil when it is gone, and all that was in it.
  func remainingNamespace() throws(Failure) -> NetworkNamespace? {
    guard let path = invocation.namespacePath else { return nil }
    do throws(SystemError) {
      // ENOENT, or EINVAL for the plain file that a reboot leaves: gone.
      _ = try NetworkNamespace.open(path)
    } catch {
      if fault == .needsNamespaceOnDelete { return try containerNamespace() }
      return nil
    }
    return try containerNamespace()
  }

  /// The value of a request that may come in several ways; the first of them counts.
  ///
  /// Source: CNI conventions: who understands the `args` form ignores `CNI_ARGS`.
  func requested(_ key: String, argument: String) -> JSONValue? {
    let inArguments = arguments[argument].map(JSONValue.string)
    let inArgs = configuration.object["args"]?["cni"]?[key]
    let first = fault == .prefersArguments ? inArguments : inArgs
    let candidates = [first, inArgs, configuration.runtimeConfig?[key], inArguments, configuration.object[key]]
    return candidates.compactMap { $0 }.first { $0 != .null }
  }

  /// `CNI_ARGS`; what is no pair is passed over.
  var arguments: [String: String] {
    var values: [String: String] = [:]
    for pair in invocation.arguments.split(separator: ";") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    return values
  }
}
