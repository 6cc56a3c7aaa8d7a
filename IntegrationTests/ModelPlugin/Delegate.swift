import CNI
import FaultTable
import Glibc
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
    guard let type = ipam["type"]?.string, !type.isEmpty,
      !type.utf8.contains(UInt8(ascii: "/")) || fault == .followsPathsInTypes
    else {
      throw Failure(
        code: .invalidConfiguration, message: "configuration key \"ipam\" needs a \"type\" that is the name of a plugin"
      )
    }
    self.request = request
    self.type = type
    if fault == .followsPathsInTypes, (try? program()) == nil { return nil }
  }

  /// Where the plugin is: the first match along `CNI_PATH` counts.
  func program() throws(Failure) -> String {
    var folders = request.invocation.path.split(separator: ":")
    if fault == .takesTheLastDelegate { folders.reverse() }
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
      let value = try? JSONValue(parsing: output)
      if fault == .crashesOnOddDelegates, value?["ips"] == nil || value?["ips"] == [nil] { crash() }
      guard let object = try JSONValue(parsing: output).object else { throw Unusable.noObject }
      if fault == .wantsItsOwnVersionFromDelegates,
        object["cniVersion"]?.string != request.configuration.version.rawValue
      {
        throw Unusable.otherVersion
      }
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
    case otherVersion
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
    let queue = try fault == .serialisesDelegates ? lockedQueue() : nil
    defer { extendLifetime(queue) }
    let timeLimit: Duration = fault == .givesUpOnSlowDelegates ? .seconds(1) : .seconds(90)
    let outcome: ChildOutcome = try attempting("run the IPAM plugin \(type)", code: .delegation) {
      try runChild(
        program, arguments: [], environment: environment, standardInput: request.input, timeLimit: timeLimit)
    }
    CurrentProcess.writeStandardError(outcome.standardError)
    if fault == .mixesErrorOutputIntoResult { try? CurrentProcess.writeStandardOutput(outcome.standardError) }
    guard outcome.status != .exited(0) else { return outcome.standardOutput }
    let error = (try? JSONValue(parsing: outcome.standardOutput))?.object ?? [:]
    throw Failure(
      code: fault == .miscodesDelegateErrors
        ? .delegation : error["code"]?.int.map(Failure.Code.init(relaying:)) ?? .delegation,
      message: error["msg"]?.string ?? "cannot \(command.rawValue) by the IPAM plugin \(type): \(outcome.status)",
      details: error["details"]?.string ?? "")
  }

  /// One delegate at a time on the whole node.
  private func lockedQueue() throws(Failure) -> OwnedDescriptor {
    let path = try request.notes()
    try makeFolders(path)
    return try attempting("wait for other delegates") {
      let file = try OwnedDescriptor.open(path, O_RDONLY)
      try lock(file, path)
      return file
    }
  }
}
