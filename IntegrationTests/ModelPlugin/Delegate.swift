import CNI
import JSON
import System
import SystemPackage

/// The IPAM plugin that a main plugin leaves the addresses to.
struct Delegate {
  private let request: Request
  private let type: String

  /// - Returns: nil when the configuration names none: the attachment gets no addresses.
  init?(_ request: Request) throws(Failure) {
    guard let ipam = request.configuration.object["ipam"], ipam != .null, ipam != [:] else { return nil }
    guard let type = ipam["type"]?.string, !type.isEmpty, !type.utf8.contains(UInt8(ascii: "/")) else {
      throw Failure(
        code: .invalidConfiguration, message: "configuration key \"ipam\" needs a \"type\" that is the name of a plugin"
      )
    }
    self.request = request
    self.type = type
  }

  /// Where the plugin is: the first match along `CNI_PATH` counts.
  func program() throws(Failure) -> String {
    let folders = request.invocation.path.split(separator: ":")
    guard let program = folders.map({ "\($0)/\(type)" }).first(where: isExecutable) else {
      throw Failure(
        code: .delegation, message: "cannot find the IPAM plugin \(type)",
        details: "looked in CNI_PATH, \(request.invocation.path)")
    }
    return program
  }

  /// Has the plugin give addresses out.
  ///
  /// - Returns: its result as version 1.1.0 says it.
  func add() throws(Failure) -> JSONObject {
    let output = try run(.ADD)
    return try attempting("use the result of the IPAM plugin \(type)", code: .delegation) {
      guard let object = try JSONValue(parsing: output).object else { throw Unusable.noObject }
      let result = try AttachmentResult(previous: object, version: request.configuration.version).rendered(as: .v1_1_0)
      let ips = result["ips"]?.array ?? []
      guard !ips.isEmpty, ips.allSatisfy({ $0["address"]?.string.flatMap(IPPrefix.init) != nil }) else {
        throw Unusable.noAddress
      }
      return result
    }
  }

  private enum Unusable: Error {
    case noObject
    case noAddress
  }

  /// Runs the plugin with our environment and our standard input, passes on what it has to say, and relays its error.
  ///
  /// What tells us how to behave is none of its business.
  @discardableResult
  func run(_ command: Command) throws(Failure) -> [UInt8] {
    let program = try program()
    var environment = request.environment
    environment["CNI_COMMAND"] = command.rawValue
    environment["MODEL_CNI_FAULT"] = nil
    environment["MODEL_CNI_ROLE"] = nil
    let outcome: ChildOutcome = try attempting("run the IPAM plugin \(type)", code: .delegation) {
      try runChild(
        program, arguments: [], environment: environment, standardInput: request.input, timeLimit: .seconds(90))
    }
    CurrentProcess.writeStandardError(outcome.standardError)
    guard outcome.status != .exited(0) else { return outcome.standardOutput }
    let error = (try? JSONValue(parsing: outcome.standardOutput))?.object ?? [:]
    throw Failure(
      code: error["code"]?.int.map(Failure.Code.init(relaying:)) ?? .delegation,
      message: error["msg"]?.string ?? "cannot \(command.rawValue) by the IPAM plugin \(type): \(outcome.status)",
      details: error["details"]?.string ?? "")
  }
}
