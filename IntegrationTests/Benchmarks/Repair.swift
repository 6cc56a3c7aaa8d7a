import ArgumentParser
import Glibc
import Harness
import System
import SystemPackage

/// `bench repair`: how long a live agent takes to put right what others do to its node, from the event on.
struct Repair: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Times the agent from an event on its node to the repaired state.")

  @Option(help: "Counted runs of each event. Each meets an agent that was just started.")
  var runs = 20

  @Option(help: "The folder that holds install-cni.")
  var pluginFolder = ".build/dist"

  func run() throws {
    let programs = AgentNode.Programs(installer: "\(try absolutePath(pluginFolder))/install-cni", plugin: nil)
    let host = try AgentNode(programs)
    print("\(runs) runs of each; milliseconds from the event to the repaired state.")
    print(row("", "MINIMUM", "MEDIAN", "MAXIMUM"))
    for event in NodeEvent.all(on: host) {
      let times = try (0..<runs).map { _ in try time(event, on: host) }.sorted()
      print(row(event.name, text(times[0]), text(times[times.count / 2]), text(times[times.count - 1])))
    }
  }

  private func time(_ event: NodeEvent, on host: AgentNode) throws -> Duration {
    try host.node.shell("cd \(AgentNode.configurationFolder); rm -rf * .istio-cni")
    try host.writeConfiguration("10-mesh.conflist", AgentNode.primaryList())
    let agent = try host.startAgent()
    guard agent.awaitReadiness() else { throw SystemError("start", String(agent.output.suffix(2000)), .timedOut) }
    let time = try host.node.run { () throws(SystemError) in
      let happening = try event.prepare()
      let start = ContinuousClock.now
      try happening()
      while !event.isRepaired() {
        if ContinuousClock.now - start > .seconds(10) { throw SystemError("repair", event.name, .timedOut) }
        usleep(100)
      }
      return ContinuousClock.now - start
    }
    try agent.kill(SIGKILL)
    _ = try agent.wait()
    return time
  }

  private func text(_ duration: Duration) -> String {
    let tenths = Int((duration / .microseconds(100)).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private func row(_ cells: String...) -> String {
    zip(cells, [48, 10, 10, 10]).map { cell, width in
      let padding = String(repeating: " ", count: max(0, width - cell.count))
      return width == 48 ? cell + padding : padding + cell
    }.joined()
  }
}

/// What somebody does to an installed node, and how it looks when that was put right.
private struct NodeEvent: Sendable {
  let name: String
  /// Prepares the event; what it returns lets it happen.
  let prepare: @Sendable () throws(SystemError) -> () throws(SystemError) -> Void
  let isRepaired: @Sendable () -> Bool

  static func all(on host: AgentNode) -> [NodeEvent] {
    let list = "\(AgentNode.configurationFolder)/10-mesh.conflist"
    let first = "\(AgentNode.configurationFolder)/05-first.conflist"
    let primary = Array(AgentNode.primaryList(mtu: 1400).utf8)
    let edited: @Sendable (String) -> Bool = { contains($0, "\"istio-cni\"") }
    return [
      NodeEvent(name: "the primary plugin writes its file") { () throws(SystemError) in
        { () throws(SystemError) in try PlainFile.write(primary, to: list, mode: 0o644) }
      } isRepaired: {
        edited(list) && contains(list, "1400")
      },
      NodeEvent(name: "the primary plugin moves a new file over its own") { () throws(SystemError) in
        { () throws(SystemError) in try AtomicFile.write(primary, to: list, mode: 0o644) }
      } isRepaired: {
        edited(list) && contains(list, "1400")
      },
      NodeEvent(name: "a new file sorts first") { () throws(SystemError) in
        { () throws(SystemError) in try AtomicFile.write(primary, to: first, mode: 0o644) }
      } isRepaired: {
        edited(first) && !edited(list)
      },
      NodeEvent(name: "our entry is edited") { () throws(SystemError) in
        let text = String(decoding: try readFile(list, limit: 1 << 20), as: UTF8.self)
        let bytes = Array(text.split(separator: "\"istio-cni\"").joined(separator: "\"istio-cni\",\"x\":1").utf8)
        return { () throws(SystemError) in try AtomicFile.write(bytes, to: list, mode: 0o644) }
      } isRepaired: {
        edited(list) && !contains(list, "\"x\":1")
      },
      NodeEvent(name: "the kubeconfig is deleted") { () throws(SystemError) in
        { () throws(SystemError) in try removeFile(AgentNode.kubeconfig) }
      } isRepaired: {
        access(AgentNode.kubeconfig, F_OK) == 0
      },
      NodeEvent(name: "the mode of the kubeconfig is changed") { () throws(SystemError) in
        { () throws(SystemError) in chmod(AgentNode.kubeconfig, 0o666) }
      } isRepaired: {
        access(AgentNode.kubeconfig, F_OK) == 0 && mode(AgentNode.kubeconfig) == 0o600
      },
      NodeEvent(name: "the binary is deleted") { () throws(SystemError) in
        { () throws(SystemError) in try removeFile(AgentNode.binary) }
      } isRepaired: {
        access(AgentNode.binary, F_OK) == 0
      },
      NodeEvent(name: "the ConfigMap changes") { () throws(SystemError) in
        let name = "namespace-\(UInt32.random(in: 0 ... .max))"
        try PlainFile.write(Array(name.utf8), to: "/run/changed", mode: 0o644)
        return { () throws(SystemError) in try host.configMap.update(["EXCLUDE_NAMESPACES": name]) }
      } isRepaired: {
        contains(list, text("/run/changed"))
      },
      NodeEvent(name: "the token is rotated") { () throws(SystemError) in
        let token = "token-\(UInt32.random(in: 0 ... .max))"
        try PlainFile.write(Array(token.utf8), to: "/run/changed", mode: 0o644)
        return { () throws(SystemError) in try host.setToken(token) }
      } isRepaired: {
        contains(AgentNode.kubeconfig, text("/run/changed"))
      },
    ]
  }

  private static func contains(_ path: String, _ part: String) -> Bool { text(path).contains(part) }

  private static func text(_ path: String) -> String {
    // What is being replaced may not be there.
    String(decoding: (try? readFile(path, limit: 1 << 20)) ?? [], as: UTF8.self)
  }

  private static func mode(_ path: String) -> UInt32? {
    // As above.
    (try? FileIdentity(of: path)).map { UInt32($0.mode) }
  }
}
