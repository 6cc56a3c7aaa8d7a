import CNI
import FaultTable
import Glibc
import JSON
import System

// Faults in what goes back to the runtime.

/// The result of ADD as a plugin with the committed fault tells it.
///
/// - Parameter result: the right one.
func misstate(_ result: JSONObject, _ request: Request) -> JSONObject {
  var wrong = result
  let previous = request.configuration.previousResult
  let version = request.configuration.version
  switch fault {
  case .mislabelsResults: wrong["cniVersion"] = version == .v1_0_0 ? "0.4.0" : "1.0.0"
  case .ignoresVersion where version < .v1_0_0: wrong = inNewestShape(result, version)
  case .leaksNewerFields: wrong = previous.map { labelled($0, version) } ?? result
  case .passesForeignVersionOn where previous?["cniVersion"] != nil && previous?["cniVersion"] != result["cniVersion"]:
    wrong = previous ?? result
  case .leavesVersionOut where previous?["cniVersion"] == nil: wrong["cniVersion"] = nil
  case .labelsEmptyResultsByHand where previous == nil: wrong["cniVersion"] = version == .v0_3_1 ? "1.0.0" : "0.3.1"
  case .dropsGatewaysInOldVersions where version < .v1_0_0:
    wrong.change("ips") { $0["gateway"] = nil }
    for family in ["ip4", "ip6"] {
      guard var object = wrong[family]?.object else { continue }
      object["gateway"] = nil
      wrong[family] = .object(object)
    }
  case .dropsDNS: wrong["dns"] = nil
  case .dropsUnknownFields: wrong.dropUnknownFields()
  case .dropsExtendedFields:
    wrong.change("interfaces") { $0.keep(["name", "mac", "sandbox"]) }
    wrong.change("routes") { $0.keep(["dst", "gw"]) }
  case .dropsZeros:
    wrong.change("routes") { route in
      for key in route.keys where route[key]?.int == 0 { route[key] = nil }
    }
  case .reversesRoutes: wrong["routes"] = wrong["routes"]?.array.map { .array($0.reversed()) }
  case .hidesItsChanges: wrong = previous.map { labelled($0, version) } ?? result
  case .reportsNoSandbox: wrong.change("interfaces") { $0["sandbox"] = nil }
  case .reportsStaleMACs: wrong.change("interfaces") { $0["mac"] = "02:00:00:00:00:01" }
  case .reportsIndexOutOfRange: wrong.change("ips") { $0["interface"] = 2 }
  case .reportsNoMTU: wrong.change("interfaces") { $0["mtu"] = nil }
  case .reportsInterfaces:
    wrong["interfaces"] = [["name": .string(request.key.interface)]]
    wrong.change("ips") { $0["interface"] = 0 }
  case .mixesDuplicateKeys:
    wrong["cniVersion"] = firstOfTwoVersions(request.rawInput).map { .string($0) } ?? wrong["cniVersion"]
  default: break
  }
  return wrong
}

private func labelled(_ result: JSONObject, _ version: SpecVersion) -> JSONObject {
  var result = result
  result["cniVersion"] = .string(version.rawValue)
  return result
}

/// The result in the lists of 1.1.0 under another label.
private func inNewestShape(_ result: JSONObject, _ version: SpecVersion) -> JSONObject {
  let newest = try? AttachmentResult(previous: result, version: version).rendered(as: .v1_1_0)
  return labelled(newest ?? result, version)
}

extension JSONObject {
  /// Applies `update` to each object of the list at `key`.
  fileprivate mutating func change(_ key: String, _ update: (inout JSONObject) -> Void) {
    guard let elements = self[key]?.array else { return }
    self[key] = .array(
      elements.map { element in
        guard var object = element.object else { return element }
        update(&object)
        return .object(object)
      })
  }

  fileprivate mutating func keep(_ known: Set<String>) {
    for key in keys where !known.contains(key) { self[key] = nil }
  }

  /// Leaves what a plugin writes back that reads a result into types.
  fileprivate mutating func dropUnknownFields() {
    keep(["cniVersion", "interfaces", "ips", "routes", "dns", "ip4", "ip6"])
    change("interfaces") { $0.keep(["name", "mac", "sandbox", "mtu", "socketPath", "pciID"]) }
    change("ips") { $0.keep(["version", "address", "gateway", "interface"]) }
    change("routes") { $0.keep(["dst", "gw", "mtu", "advmss", "priority", "table", "scope"]) }
    guard var dns = self["dns"]?.object else { return }
    dns.keep(["nameservers", "domain", "search", "options"])
    self["dns"] = .object(dns)
  }
}

/// What a plugin with the committed fault prints for a success.
func misprint(_ output: [UInt8], _ request: Request) -> [UInt8] {
  switch fault {
  case .logsBeforeResult: Array("level=info msg=\"\(request.invocation.command)\"\n".utf8) + output
  case .printsResultInEveryVerb where output.isEmpty: Array("{\"cniVersion\":\"1.0.0\"}\n".utf8)
  case .cutsLongResults: Array(output.prefix(1 << 16))
  default: output
  }
}

/// What a plugin with the committed fault makes of a failure: another one, or none, or its end.
///
/// - Parameter output: what goes to standard output.
/// - Returns: the exit status.
func misreport(_ failure: Failure, _ output: inout [UInt8], input: [UInt8], command: String?) -> CInt {
  switch fault {
  case .exitsWithSuccessOnError: return 0
  case .reportsErrorsOnStandardErrorOnly: output = []
  case .omitsVersionInError: change(&output) { $0["cniVersion"] = nil }
  case .usesCodeZero: change(&output) { $0["code"] = 0 }
  case .miscodesBrokenInput where failure.code == .decoding: change(&output) { $0["code"] = 999 }
  case .printsResultAndError where command == "ADD":
    output = Array("{\"cniVersion\":\"1.0.0\",\"ips\":[]}\n".utf8) + output
  case .swallowsDecodingErrors where failure.code == .decoding && command == "ADD":
    output = Array("{\"cniVersion\":\"1.0.0\"}\n".utf8)
    return 0
  case .namesFirstMissingVariableOnly where failure.code == .invalidEnvironment:
    change(&output) { $0["msg"] = $0["msg"]?.string.map { .string(String($0.prefix { $0 != "," })) } }
  case .succeedsWithoutNamespace
  where failure.message.hasPrefix("cannot open the network namespace") && command == "ADD":
    let configuration = (try? JSONValue(parsing: input))?.object ?? [:]
    output = (configuration["prevResult"] ?? ["cniVersion": configuration["cniVersion"] ?? "1.0.0"]).serialized()
    return 0
  case .crashesWhenRefused where failure.code == .refused: crash()
  case .tellsSecrets:
    let text = String(decoding: input, as: UTF8.self)
    change(&output) { $0["details"] = .string("the configuration was \(text)") }
    CurrentProcess.writeStandardError(Array("configuration: \(text)\n".utf8))
  default: break
  }
  return 1
}

private func change(_ output: inout [UInt8], _ update: (inout JSONObject) -> Void) {
  guard var object = (try? JSONValue(parsing: output))?.object else { return }
  update(&object)
  output = JSONValue.object(object).serialized()
}
