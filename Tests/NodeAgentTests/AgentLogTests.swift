import Logging
import NodeAgent
import TestKit
import Testing

struct AgentLogTests {
  private let lines = Recording<String>()

  private func log(
    _ format: LogFormat, agent: LogVerbosity = .info, plugin: LogVerbosity = .info
  ) -> AgentLog {
    AgentLog(
      format, levels: LogLevels(agent: agent, plugin: plugin), timeOfDay: { .seconds(1_764_100_800) },
      write: { [lines] in lines.append(String(decoding: $0, as: UTF8.self)) })
  }

  @Test("plain lines look like Istio's")
  func plain() {
    let log = log(.plain)
    log.logger("cni-agent").info("installed", metadata: ["b": "two words", "a": "1"])
    log.logger("cni-plugin").warning("odd")
    log.logger("default").critical("over")
    #expect(
      lines.all == [
        "2025-11-25T20:00:00.000000Z\tinfo\tcni-agent\tinstalled\ta=1 b=\"two words\"\n",
        "2025-11-25T20:00:00.000000Z\twarn\tcni-plugin\todd\n",
        "2025-11-25T20:00:00.000000Z\tfatal\tover\n",
      ])
  }

  @Test("lines in JSON look like Istio's")
  func json() {
    let log = log(.json)
    log.logger("cni-agent").error(
      "cannot \"do\" it\n", metadata: ["a": "1", "level": "x", "list": ["y", "z"], "map": ["k": "v"]])
    log.logger("default").info("x")
    #expect(
      lines.all == [
        #"{"level":"error","time":"2025-11-25T20:00:00.000000Z","scope":"cni-agent","msg":"cannot \"do\" it\n","#
          + #""a":"1","field_level":"x","list":["y","z"],"map":{"k":"v"}}"# + "\n",
        #"{"level":"info","time":"2025-11-25T20:00:00.000000Z","msg":"x"}"# + "\n",
      ])
  }

  @Test("a message is one line, whatever is in it")
  func oneLine() {
    log(.plain).logger("default").info("a\nb\tc\u{1}", metadata: ["k": "x\ny", "empty": ""])
    #expect(
      lines.all == [
        "2025-11-25T20:00:00.000000Z\tinfo\ta\\nb\\tc\\u0001\tempty=\"\" k=\"x\\ny\"\n"
      ])
  }

  @Test("fields of the logger come with those of the line, which win, and so do errors")
  func fields() {
    struct Failure: Error, CustomStringConvertible {
      let description = "ENOENT"
    }
    var logger = log(.plain).logger("default")
    logger[metadataKey: "node"] = "n1"
    logger[metadataKey: "pod"] = "p1"
    logger.info("x", error: Failure(), metadata: ["pod": "p2"])
    #expect(lines.all == ["2025-11-25T20:00:00.000000Z\tinfo\tx\terror=ENOENT node=n1 pod=p2\n"])
  }

  @Test("no token gets into the log", arguments: [LogFormat.plain, .json])
  func tokens(format: LogFormat) {
    let token = RedactionTests.token
    log(format).logger("default").info(
      "refused: \(token)", metadata: ["answer": "x \(token)", "token": "short", "list": ["\(token)"]])
    let text = lines.all.joined()
    #expect(!text.contains("eyJ"))
    #expect(!text.contains("short"))
    #expect(text.contains("refused: (a token)"))
  }

  @Test("each scope has its level, which can change while its loggers are in use")
  func levels() {
    let log = log(.plain, agent: .info, plugin: .error)
    let agent = log.logger("cni-agent")
    let plugin = log.logger("cni-plugin")
    agent.debug("no")
    plugin.warning("no")
    log.setLevels(LogLevels(agent: .none, plugin: .debug))
    agent.critical("no")
    plugin.debug("yes")
    #expect(lines.all == ["2025-11-25T20:00:00.000000Z\tdebug\tcni-plugin\tyes\n"])
    #expect(log.verbosity(of: "cni-plugin") == .debug)
  }

  @Test("a logger can have a level of its own")
  func ownLevel() {
    let log = log(.plain, agent: .error)
    var logger = log.logger("cni-agent")
    logger.logLevel = .debug
    logger.debug("x")
    log.logger("cni-agent").info("no")
    #expect(lines.all.count == 1)
  }
}
