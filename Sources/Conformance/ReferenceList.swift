import JSON

/// The reference plugins that lists are made of: `bridge` with both address families, and three chained ones.
struct ReferenceList: Sendable {
  let main: ListEntry
  let chained: [ListEntry]

  /// - Throws: `Inapplicable` if one is not installed.
  init(in lab: Lab, interface: String) throws {
    main = try lab.installed([
      "type": "bridge", "bridge": .string(Self.bridge), "isGateway": true, "ipMasq": true,
      "ipam": [
        "type": "host-local", "dataDir": "/run/cni/networks",
        "ranges": [[["subnet": "10.87.0.0/16"]], [["subnet": "fd00:87::/64"]]],
        "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
      ],
    ])
    chained = [
      try lab.installed([
        "type": "tuning", "mac": .string(Self.hardwareAddress), "dataDir": "/run/cni/tuning",
        "sysctl": JSONValue.object(JSONObject([("net.ipv4.conf.\(interface).log_martians", "1")])),
      ]),
      try lab.installed(
        ["type": "portmap", "snat": true],
        runtimeConfiguration: ["portMappings": [["hostPort": 8087, "containerPort": 80, "protocol": "tcp"]]]),
      try lab.installed(["type": "firewall", "backend": "iptables"]),
    ]
  }

  /// Not the usual name: the subject may have a bridge, too.
  static let bridge = "reference0"

  /// What `tuning` gives to the interface.
  static let hardwareAddress = "02:00:5e:00:53:57"

  /// The list of reference plugins alone.
  var control: [ListEntry] { [main] + chained }

  /// The list with the subject where it belongs: a main plugin first; a chained one instead of its namesake, or else
  /// last.
  func including(_ subject: ListEntry, isChained: Bool) -> [ListEntry] {
    guard isChained else { return [subject] + chained }
    guard let place = control.firstIndex(where: { $0.name == subject.name }) else { return control + [subject] }
    return control.enumerated().map { $0.offset == place ? subject : $0.element }
  }
}

extension LabNode {
  /// A container without interface, for the first plugin of a list to make one in it.
  func bareContainer() throws -> Container {
    let container = try container()
    if lab.subject.isChained { try tool("ip link delete \(lab.manifest.interface)", in: container) }
    return container
  }
}
