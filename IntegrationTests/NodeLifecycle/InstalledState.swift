import Harness
import JSON
import System
import SystemPackage
import TestKit

/// What is installed on a node, apart from the name of the file that leads.
struct InstalledState: Sendable, Equatable, CustomStringConvertible {
  /// How often our entry stands in the list that the runtime uses.
  var entryCount = 0
  var isLast = false
  var entry: JSONObject?
  var kubeconfig: [UInt8]?
  var kubeconfigMode: UInt32?
  var binary: [UInt8]?

  var description: String {
    let size = { (bytes: [UInt8]?) in bytes.map { "\($0.count) bytes" } ?? "none" }
    return """
      \(entryCount) entries, \(isLast ? "" : "not ")last: \(entry.map { JSONValue.object($0).text() } ?? "none"); \
      kubeconfig \(size(kubeconfig)), mode \(String(kubeconfigMode ?? 0, radix: 8)); binary \(size(binary))
      """
  }
}

extension AgentNode {
  /// A node on which no pod runs: what is copied as the plugin is a few bytes.
  static func withoutPods(configMap: [String: String] = [:]) throws -> AgentNode {
    try AgentNode(
      Programs(installer: "\(try executableFolder())/install-cni", plugin: nil), configMap: configMap)
  }

  func installed() throws -> InstalledState {
    var state = InstalledState()
    // Without a list that loads there is no entry either.
    if let plugins = try? runtime().list.plugins {
      let ours = plugins.filter { $0["type"] == "istio-cni" }
      state.entryCount = ours.count
      state.entry = ours.last
      state.isLast = plugins.last?["type"] == "istio-cni"
    }
    state.kubeconfig = try node.read(Self.kubeconfig)
    if state.kubeconfig != nil { state.kubeconfigMode = try mode(of: Self.kubeconfig) }
    state.binary = try node.read(Self.binary)
    return state
  }

  /// What is installed, for messages.
  var stateText: String {
    do { return "\(try installed())" } catch { return "\(error)" }
  }

  func mode(of path: String) throws(SystemError) -> UInt32 {
    try node.run { () throws(SystemError) in UInt32(try FileIdentity(of: path).mode) }
  }

  /// Waits for a state that was there before.
  ///
  /// - Returns: How long it took; nil if it does not come back in time.
  func awaitState(_ expected: InstalledState, within limit: Duration = .seconds(2)) -> Duration? {
    let start = ContinuousClock.now
    return comesTrue(within: limit, { try installed() == expected }) ? ContinuousClock.now - start : nil
  }

  /// Starts the agent and waits until it is ready.
  func readyAgent(_ environment: [String: String] = [:]) throws -> AgentProcess {
    let agent = try startAgent(environment: environment)
    guard agent.awaitReadiness() else { throw AgentFailure(description: "never ready: \(agent.output.suffix(4000))") }
    return agent
  }

  /// Runs the installer, which must end well.
  @discardableResult
  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> String {
    let outcome = try node.runProgram(
      programs.installer, arguments, environment: self.environment.merging(environment) { $1 },
      timeLimit: .seconds(60))
    let output = String(decoding: outcome.standardOutput + outcome.standardError, as: UTF8.self)
    guard outcome.status == .exited(0) else {
      throw AgentFailure(description: "install-cni \(arguments.joined(separator: " ")): \(outcome.status): \(output)")
    }
    return output
  }

  /// Empties every folder that the installer writes to.
  func clear() throws {
    try node.shell(
      """
      for folder in \(Self.configurationFolder) \(Self.binaryFolder) \(Self.runDirectory); do
        find $folder -mindepth 1 -delete
      done
      """)
  }

  /// The files of the configuration folder without what the installer keeps for itself.
  func configurations() throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in try configurationNames() where name != ".istio-cni" { files[name] = try configuration(name) }
    return files
  }
}

/// The agent or the installer did not do what a test builds on.
struct AgentFailure: Error, CustomStringConvertible {
  let description: String
}
