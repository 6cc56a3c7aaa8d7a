package import JSON

/// What the suite must know of a plugin beside its binary, since it cannot tell from outside.
package struct Manifest: Sendable {
  package var role: Role
  /// The plugin's entry of a network configuration list, without `name` and `cniVersion`.
  package var configuration: JSONObject
  /// The interface that an attachment is for.
  package var interface: String
  /// Whether a main plugin makes the interface, rather than finding it there as the loopback plugin does.
  package var createsInterface: Bool
  /// Whether it enters the container's namespace.
  package var entersNamespace: Bool
  /// Whether an ADD leaves anything on the node, outside the container's namespace.
  package var keepsNodeState: Bool
  /// A patch of the configuration with which a chained plugin changes what the result tells, such as an MTU.
  package var resultChange: JSONObject?
  /// A patch of the configuration with which a main plugin adds rules to the node for each attachment.
  package var masquerading: JSONObject?
  /// A patch of the configuration that makes it another network's: other subnets, another bridge.
  package var otherNetwork: JSONObject?
  /// A patch of the configuration with which a main plugin makes an interface without addresses.
  package var withoutAddresses: JSONObject?
  /// A patch of the configuration with which an IPAM plugin gives every attachment an address of a first range and one
  /// of a second, which has but one to give.
  package var scarceAddresses: JSONObject?
  /// What `runtimeConfig` must hold for the plugin to do anything.
  package var runtimeConfiguration: JSONObject?
  /// A patch of the configuration with which the plugin logs as much as it can.
  package var verboseConfiguration: JSONObject?
  /// What attachments share, and what so may stay after the last one: regular expressions for lines of a `State`.
  package var sharedState: [String]
  /// Folders with the plugin's files, beside /run and /var/lib/cni.
  package var dataFolders: [String]
  /// Shell commands that prepare a fresh node, such as for the interface that a plugin takes for granted.
  package var nodeCommands: [String]
  /// Programs that it runs, by name.
  package var programs: [String]
  /// Entries of the list before this one, each with its configuration; without any a hand-made interface is there.
  package var predecessors: [JSONObject]
  package var kubernetes: KubernetesFacts?
  package var redirect: RedirectFacts?
  /// Texts in the configuration that must never come out; the kubeconfig's token is one anyway.
  package var secrets: [String]

  /// For plugins that look up pods.
  package struct KubernetesFacts: Sendable {
    /// Where the plugin looks for its kubeconfig, on the node.
    package var kubeconfig: String
    /// A pod as it must be for the plugin to act; names and uid are filled in.
    package var pod: JSONObject
    /// The pod in which the plugin's own agent runs.
    package var agent: AgentPod?
  }

  /// Names of the agent's pod on a node.
  package struct AgentPod: Sendable {
    package var namespace: String
    package var name: String
  }

  /// For redirects: where traffic goes, and how a container says what it wants.
  package struct RedirectFacts: Sendable {
    package var outboundPort: UInt16
    package var inboundPort: UInt16
    package var dnsPort: UInt16?
    /// The proxy's identity.
    package var user: UInt32
    /// Nil if its traffic is told apart by the user alone.
    package var group: UInt32?
    /// Ports that are reached directly from outside.
    package var directPorts: [UInt16]
    /// Kernel parameters of the container that it changes: regular expressions.
    package var kernelParameters: [String]
    /// What is asked for, by the names of `RedirectWish`.
    package var wishes: [String: Wish]
  }

  /// JSON merge patches (RFC 7396) that say what a container wants.
  package struct Wish: Sendable, Equatable {
    package var configuration: JSONObject
    package var pod: JSONObject

    package init(configuration: JSONObject = [:], pod: JSONObject = [:]) {
      self.configuration = configuration
      self.pod = pod
    }
  }

  package init(role: Role, configuration: JSONObject) {
    self.role = role
    self.configuration = configuration
    interface = "eth0"
    createsInterface = true
    entersNamespace = true
    keepsNodeState = false
    sharedState = []
    dataFolders = []
    nodeCommands = []
    programs = []
    predecessors = []
    secrets = []
  }

  /// The type of the IPAM plugin that it delegates to.
  var delegate: String? { configuration["ipam"]?["type"]?.string }
}

/// Why a manifest cannot be used.
package struct ManifestError: Error, CustomStringConvertible {
  package let description: String
}

extension Manifest {
  /// Reads a manifest file.
  ///
  /// - Throws: `ManifestError`, which names the key.
  package init(parsing bytes: [UInt8]) throws {
    guard let object = try JSONValue(parsing: bytes).object else {
      throw ManifestError(description: "a manifest is a JSON object")
    }
    var reader = Reader(object)
    guard let role = try reader.take("role", \.string).flatMap(Role.init(rawValue:)) else {
      throw ManifestError(
        description: "\"role\" must be one of \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    guard let configuration = try reader.take("configuration", \.object) else {
      throw ManifestError(description: "\"configuration\" must be the plugin's entry of a network configuration list")
    }
    self.init(role: role, configuration: configuration)
    interface = try reader.take("interface", \.string) ?? interface
    createsInterface = try reader.take("createsInterface", \.bool) ?? createsInterface
    entersNamespace = try reader.take("entersNamespace", \.bool) ?? entersNamespace
    keepsNodeState = try reader.take("keepsNodeState", \.bool) ?? keepsNodeState
    resultChange = try reader.take("resultChange", \.object)
    masquerading = try reader.take("masquerading", \.object)
    otherNetwork = try reader.take("otherNetwork", \.object)
    withoutAddresses = try reader.take("withoutAddresses", \.object)
    scarceAddresses = try reader.take("scarceAddresses", \.object)
    runtimeConfiguration = try reader.take("runtimeConfig", \.object)
    verboseConfiguration = try reader.take("verboseConfiguration", \.object)
    sharedState = try reader.take("sharedState", \.strings) ?? []
    dataFolders = try reader.take("dataFolders", \.strings) ?? []
    nodeCommands = try reader.take("nodeCommands", \.strings) ?? []
    programs = try reader.take("programs", \.strings) ?? []
    predecessors = try reader.take("predecessors", \.array)?.compactMap(\.object) ?? []
    kubernetes = try reader.take("kubernetes", \.object).map { object in
      var reader = Reader(object, in: "kubernetes.")
      let facts = KubernetesFacts(
        kubeconfig: try reader.require("kubeconfig", \.string), pod: try reader.require("pod", \.object),
        agent: try reader.take("agent", \.object).map { object in
          var reader = Reader(object, in: "kubernetes.agent.")
          let agent = AgentPod(
            namespace: try reader.require("namespace", \.string), name: try reader.require("name", \.string))
          try reader.finish()
          return agent
        })
      try reader.finish()
      return facts
    }
    redirect = try reader.take("redirect", \.object).map { try RedirectFacts($0) }
    secrets = try reader.take("secrets", \.strings) ?? []
    try reader.finish()
  }
}

extension Manifest.RedirectFacts {
  fileprivate init(_ object: JSONObject) throws {
    var reader = Manifest.Reader(object, in: "redirect.")
    outboundPort = try reader.require("outboundPort", \.port)
    inboundPort = try reader.require("inboundPort", \.port)
    dnsPort = try reader.take("dnsPort", \.port)
    user = UInt32(try reader.require("user", \.int))
    group = try reader.take("group", \.int).map { UInt32($0) }
    directPorts = try reader.take("directPorts", \.array)?.compactMap(\.port) ?? []
    kernelParameters = try reader.take("kernelParameters", \.strings) ?? []
    wishes = [:]
    for (name, patch) in try reader.require("wishes", \.object).members {
      guard RedirectWish(rawValue: name) != nil else {
        throw ManifestError(description: "\"redirect.wishes.\(name)\" is not known")
      }
      wishes[name] = Manifest.Wish(
        configuration: patch["configuration"]?.object ?? [:], pod: patch["pod"]?.object ?? [:])
    }
    try reader.finish()
  }
}

extension Manifest {
  /// Takes known keys out of an object, so that what is left is a mistake.
  fileprivate struct Reader {
    private var object: JSONObject
    private let prefix: String

    init(_ object: JSONObject, in prefix: String = "") {
      self.object = object
      self.prefix = prefix
    }

    mutating func take<Value>(_ key: String, _ read: (JSONValue) -> Value?) throws -> Value? {
      guard let value = object[key] else { return nil }
      object[key] = nil
      guard let result = read(value) else {
        throw ManifestError(description: "\"\(prefix)\(key)\" is of a wrong type: \(value.kindName)")
      }
      return result
    }

    mutating func require<Value>(_ key: String, _ read: (JSONValue) -> Value?) throws -> Value {
      guard let value = try take(key, read) else { throw ManifestError(description: "\"\(prefix)\(key)\" is missing") }
      return value
    }

    func finish() throws {
      if let key = object.keys.first { throw ManifestError(description: "\"\(prefix)\(key)\" is not known") }
    }
  }
}

extension JSONValue {
  /// The texts of a list that holds nothing else.
  fileprivate var strings: [String]? {
    guard let array, case let texts = array.compactMap(\.string), texts.count == array.count else { return nil }
    return texts
  }

  fileprivate var port: UInt16? { int.flatMap(UInt16.init(exactly:)) }
}
