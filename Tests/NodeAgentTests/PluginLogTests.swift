import CNI
import Dispatch
import JSON
import Logging
import NodeAgent
import System
import TestKit
import Testing

@Suite("Lines of Istio's plugin", .timeLimit(.minutes(5)))
struct PluginLogTests {
  private static let line =
    #"{"level":"warn","time":"2024-05-01T14:00:05.25+02:00","msg":"cannot do it","pod":"shop/cart","tries":3}"#

  /// Posts as Istio's plugin does, and returns what is answered.
  private static func post(_ body: String, to path: String, target: String = "POST /log") async throws -> String {
    let request =
      "\(target) HTTP/1.1\r\nHost: unix\r\nContent-Type: application/json\r\nConnection: close\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    return try await withCheckedThrowingContinuation { continuation in
      DispatchQueue(label: "posts").async {
        continuation.resume(
          with: Result {
            let deadline = ContinuousClock.now + .seconds(60)
            let answer = try askLocalService(at: path, Array(request.utf8), limit: 1 << 16, deadline: deadline)
            return String(decoding: answer, as: UTF8.self)
          })
      }
    }
  }

  private static func list(_ lines: [String]) -> String { JSONValue.array(lines.map { .string($0) }).text() }

  /// Serves while `body` runs.
  private static func serving(
    _ levels: LogLevels = LogLevels(agent: .debug, plugin: .info),
    _ body: (_ socket: String, _ lines: Recording<String>) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/log.sock"
    // What an agent that was killed has left.
    try folder.write("stale", to: "log.sock")
    let lines = Recording<String>()
    let log = AgentLog(
      .plain, levels: levels, timeOfDay: { .zero }, write: { lines.append(String(decoding: $0, as: UTF8.self)) })
    let service = PluginLog(RunDirectory(folder.path), log: log)
    try await running(service.run) {
      try await eventually {
        // Between the stale file and the socket there is none.
        let identity = try? FileIdentity(of: path)
        return identity?.size == 0 && identity?.mode == 0o600
      }
      try await body(path, lines)
    }
    #expect(try !exists(path))
  }

  @Test("are logged under the plugin's scope with their own time, level and fields")
  func logged() async throws {
    try await Self.serving { path, lines in
      let answer = try await Self.post(
        Self.list([Self.line, #"{"level":"debug","time":"2024-05-01T12:00:05Z","msg":"quiet"}"#]), to: path)
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(
        lines.all == [
          "2024-05-01T12:00:05.250000Z\twarn\tcni-plugin\tcannot do it\tpod=shop/cart tries=3\n"
        ])
    }
  }

  @Test(
    "what cannot be read is dropped, and the answer is the same",
    arguments: [
      #"[1]"#, "{}", "no JSON", "", #"["{}"]"#,
      #"["{\"level\":\"fatal\",\"time\":\"2024-05-01T12:00:05Z\",\"msg\":\"\"}"]"#,
      #"["{\"level\":\"info\",\"time\":\"yesterday\",\"msg\":\"\"}"]"#,
    ])
  func dropped(body: String) async throws {
    try await Self.serving { path, lines in
      let answer = try await Self.post(body, to: path)
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(lines.all.count == 1)
      #expect(
        lines.all.first?.contains("\tdebug\tcni-agent\tlines of the plugin are dropped: ") == true, "\(lines.all)")
    }
  }

  @Test("a line among others that cannot be read does not keep these from the log")
  func mixed() async throws {
    try await Self.serving { path, lines in
      _ = try await Self.post(Self.list(["no JSON", Self.line]), to: path)
      #expect(lines.all.count { $0.contains("\tcni-plugin\tcannot do it") } == 1)
      #expect(lines.all.contains { $0.hasSuffix("lines of the plugin are dropped: 1 of 2 cannot be read\n") })
    }
  }

  @Test("more than a plugin ever says is not kept")
  func tooLong() async throws {
    try await Self.serving { path, lines in
      let answer = try await Self.post(String(repeating: "x", count: 2 << 20), to: path)
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(
        lines.all.map { $0.contains("lines of the plugin are dropped: more than 1048576 bytes at once") } == [true])
    }
  }

  @Test("nothing else is there", arguments: ["GET /log", "POST /", "POST /metrics"])
  func elsewhere(target: String) async throws {
    try await Self.serving { path, lines in
      let answer = try await Self.post("[]", to: path, target: target)
      #expect(answer.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
      #expect(lines.all.isEmpty)
    }
  }

  @Test("levels that are turned off stay off")
  func silent() async throws {
    try await Self.serving(LogLevels(agent: .info, plugin: .none)) { path, lines in
      _ = try await Self.post(Self.list([Self.line]), to: path)
      #expect(lines.all.isEmpty)
    }
  }
}
