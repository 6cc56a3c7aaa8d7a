import CNI
import JSON

/// Something that a plugin needs and a node lacks, so that STATUS has something to report.
struct Impairment: Sendable {
  /// What is missing, as an error may name it.
  let names: [String]
  /// Whether no ADD can do its work without it.
  let hindersAdd: Bool
  /// Whether a DEL may need it.
  let hindersDelete: Bool
  /// A change of the configuration for all calls, before and after.
  var configuration: JSONObject = [:]
  /// For the calls on the impaired node.
  var environment: [String: String] = [:]
  /// Takes it away.
  var apply: @Sendable (LabNode) throws -> Void = { _ in }

  /// A call on a node that lacks it.
  func impaired(_ call: Call) -> Call {
    var call = call
    call.configuration = call.configuration.patched(with: configuration)
    call.environment.merge(environment) { $1 }
    return call
  }

  /// STATUS on a node that lacks it.
  func status(on node: LabNode) throws -> Reply {
    try node.run(impaired(Call(.STATUS, to: node.lab.subject, in: node.lab.version)))
  }
}

extension Lab {
  /// The programs or files that the manifest says the plugin needs, gone.
  func missingTools() -> [Impairment] {
    var impairments: [Impairment] = []
    if !manifest.programs.isEmpty {
      impairments.append(
        Impairment(
          names: manifest.programs, hindersAdd: true, hindersDelete: true, environment: ["PATH": "/run/nowhere"]))
    }
    if let path = manifest.kubernetes?.kubeconfig {
      impairments.append(
        Impairment(names: [path], hindersAdd: true, hindersDelete: false) { node in try node.tool("rm '\(path)'") })
    }
    return impairments
  }

  /// No address left to give.
  func exhaustedPool() -> Impairment? {
    guard let patch = manifest.scarceAddresses else { return nil }
    return Impairment(names: [], hindersAdd: true, hindersDelete: false, configuration: patch) { node in
      for _ in 0..<8 {
        let reply = try node.run(node.container().call(.ADD, configuration: patch))
        if try !reply.succeedOrFailCleanly() { return }
      }
      throw Inapplicable("8 attachments did not use up the addresses of the manifest's scarceAddresses")
    }
  }

  /// A delegate whose STATUS fails, and that works.
  func reluctantDelegate(on node: LabNode) throws -> Impairment? {
    guard manifest.role == .main, manifest.delegate != nil else { return nil }
    let stub = try StubDelegate(on: node)
    return Impairment(
      names: [], hindersAdd: false, hindersDelete: false, configuration: try delegating(to: stub),
      environment: ["CNI_PATH": stub.folder]
    ) { _ in try stub.fail(.STATUS, code: 50) }
  }
}
