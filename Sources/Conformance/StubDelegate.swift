import CNI
import Harness
import JSON
import System

/// Fixture ST: a plugin for others to delegate to, which writes down how it was called and answers as it is told.
struct StubDelegate: Sendable {
  let node: LabNode
  /// The value for `ipam.type`.
  let type: String
  /// For `CNI_PATH`.
  let folder: String

  /// A call that arrived.
  struct Arrival: Sendable {
    let verb: String
    let environment: [String: String]
    let input: [UInt8]
  }

  /// Puts the stub on a node. Without other orders it succeeds, and hands out 10.77.0.2/24 and fd00:77::2/64 to ADD.
  ///
  /// - Parameter name: Its type, and a part of its folder's name.
  init(_ type: String = "stub-ipam", in folder: String = "/run/stub", on node: LabNode) throws {
    self.node = node
    self.type = type
    self.folder = folder
    try node.write(Self.script, to: "\(folder)/\(type)", mode: 0o755)
    try answer(.ADD, output: Self.addresses(in: node.lab.version).text())
  }

  /// What a delegate answers to ADD, in a version of the specification.
  ///
  /// - Parameter number: Ends both addresses.
  static func addresses(in version: SpecVersion, ending number: Int = 2) -> JSONValue {
    let label = JSONValue.string(version.rawValue)
    if version < .v0_3_0 {
      return [
        "cniVersion": label, "ip4": ["ip": "10.77.0.\(number)/24", "gateway": "10.77.0.1"],
        "ip6": ["ip": "fd00:77::\(number)/64", "gateway": "fd00:77::1"],
      ]
    }
    var ips: [JSONObject] = [
      ["address": "10.77.0.\(number)/24", "gateway": "10.77.0.1"],
      ["address": "fd00:77::\(number)/64", "gateway": "fd00:77::1"],
    ]
    if version < .v1_0_0 {
      ips[0]["version"] = "4"
      ips[1]["version"] = "6"
    }
    return ["cniVersion": label, "ips": .array(ips.map { .object($0) })]
  }

  /// What to do when called with a verb from now on.
  ///
  /// - Parameters:
  ///   - output: Goes to standard output as it is.
  ///   - status: Of the exit.
  ///   - script: Shell commands to run before, such as `/bin/sleep 5`.
  func answer(_ verb: Command, output: String = "", status: Int = 0, script: String = ":") throws {
    try node.write(output, to: "\(folder)/answers/\(verb.rawValue)")
    try node.write("\(script)\nstatus=\(status)\n", to: "\(folder)/answers/\(verb.rawValue).sh")
  }

  /// As `answer`, with an error object of this code.
  func fail(_ verb: Command, code: Int) throws {
    let error: JSONValue = ["code": .number(JSONNumber(code)), "msg": "the stub was told to fail"]
    try answer(verb, output: error.text(), status: 1)
  }

  /// The calls so far, in their order.
  func calls() throws -> [Arrival] {
    let folder = "\(folder)/calls"
    return try node.node.run { () throws(SystemError) in
      guard isFolder(folder) else { return [] }
      var calls: [Arrival] = []
      for name in try names(inFolder: folder).sorted() where name.hasSuffix(".env") {
        let variables = String(decoding: try readFile("\(folder)/\(name)", limit: 1 << 20), as: UTF8.self)
        var environment: [String: String] = [:]
        for line in variables.split(separator: "\n") {
          let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
          environment[String(pair[0])] = pair.count == 2 ? String(pair[1]) : ""
        }
        let input = try readFile("\(folder)/\(name.dropLast(4)).in", limit: 1 << 26)
        calls.append(Arrival(verb: environment["CNI_COMMAND"] ?? "", environment: environment, input: input))
      }
      return calls
    }
  }

  /// Checks which verbs it has been called with.
  func expectCalls(_ verbs: [Command]) throws {
    let seen = try calls().map(\.verb)
    let wanted = verbs.map(\.rawValue)
    try expect(
      seen == wanted,
      "the delegate got \(seen.isEmpty ? "nothing" : seen.joined(separator: ", ")), not \(wanted.joined(separator: ", "))"
    )
  }

  /// A call's files have its time in their names, in nanoseconds since 1970.
  private static let script = #"""
    #!/bin/sh
    dir="${0%/*}"
    /bin/mkdir -p "$dir/calls"
    call="$dir/calls/$(/bin/date +%s%N)-$$"
    /usr/bin/env > "$call.tmp"
    /bin/cat > "$call.in"
    /bin/mv "$call.tmp" "$call.env"
    status=0
    [ ! -f "$dir/answers/$CNI_COMMAND.sh" ] || . "$dir/answers/$CNI_COMMAND.sh"
    [ ! -f "$dir/answers/$CNI_COMMAND" ] || /bin/cat "$dir/answers/$CNI_COMMAND"
    exit "$status"

    """#
}

extension Lab {
  /// The configuration's change with which a main plugin delegates to a stub.
  ///
  /// - Throws: `Inapplicable` for a plugin that delegates to nobody.
  func delegating(to stub: StubDelegate) throws -> JSONObject {
    guard manifest.delegate != nil else { throw Inapplicable("the plugin delegates to nobody") }
    var ipam = manifest.configuration["ipam"]?.object ?? [:]
    ipam["type"] = .string(stub.type)
    return ["ipam": .object(ipam)]
  }
}

extension LabNode {
  /// As `warmUp`, with an attachment that a stub of its own has given addresses to, so that a bridge has the stubs'
  /// gateways.
  func warmUpWithStub() throws {
    let stub = try StubDelegate(in: "/run/warm-up", on: self)
    try stub.answer(.ADD, output: StubDelegate.addresses(in: lab.version, ending: 200).text())
    let call = try container("warm-up").call(.ADD, configuration: lab.delegating(to: stub))
    _ = try run(call.delegating(to: stub)).result()
  }
}

extension Call {
  /// With the stub's folder as the only one.
  func delegating(to stub: StubDelegate) -> Call {
    var call = self
    call.environment["CNI_PATH"] = stub.folder
    return call
  }
}
