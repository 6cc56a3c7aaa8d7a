import Glibc
import System
import SystemPackage
import TestKit
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1))) struct HealthServerTests {
  let state = HealthState()
  let metrics = Metrics()

  private func server(
    healthPort: Int? = 0, monitoringPort: Int? = 0, limits: HTTPEndpoint.Limits = HTTPEndpoint.Limits()
  ) throws -> HealthServer {
    try HealthServer(
      healthPort: healthPort, monitoringPort: monitoringPort, state: state, metrics: metrics, limits: limits)
  }

  private struct Answer: Equatable {
    var status: Int?
    var body: String

    init(_ status: Int?, _ body: String) {
      self.status = status
      self.body = body
    }
  }

  private func ask(_ port: Int?, _ target: String, method: String = "GET") throws -> Answer {
    let client = try LoopbackClient(port: try #require(port))
    try client.send("\(method) \(target) HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
    let answer = try client.receiveAll()
    let status = answer.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return Answer(status, answer.firstRange(of: "\r\n\r\n").map { String(answer[$0.upperBound...]) } ?? "")
  }

  @Test("readiness is 503 with every check, or 200")
  func readiness() throws {
    let server = try server()
    var answer = try ask(server.healthPort, "/readyz")
    #expect(answer == Answer(503, "[-]install failed: not done yet\nreadyz check failed\n"))
    state.set("install", .ok())
    answer = try ask(server.healthPort, "/readyz")
    #expect(answer == Answer(200, "ok"))
    answer = try ask(server.healthPort, "/readyz?verbose")
    #expect(answer == Answer(200, "[+]install ok\nreadyz check passed\n"))
    answer = try ask(server.healthPort, "/readyz?x=1&verbose=true")
    #expect(answer == Answer(200, "[+]install ok\nreadyz check passed\n"))
  }

  @Test("the process is healthy and alive while it is not ready")
  func liveness() throws {
    let server = try server()
    for target in ["/healthz", "/livez"] {
      let answer = try ask(server.healthPort, target)
      #expect(answer == Answer(200, "ok"))
    }
    let answer = try ask(server.healthPort, "/livez?verbose")
    #expect(answer == Answer(200, "[+]loop ok\nlivez check passed\n"))
  }

  @Test("metrics are on the other port, in Prometheus' text format")
  func metricsText() throws {
    metrics.gauge("g", "G.").set(1)
    let server = try server()
    let client = try LoopbackClient(port: try #require(server.monitoringPort))
    try client.send("GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
    let answer = try client.receiveAll()
    #expect(answer.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
    #expect(answer.hasSuffix("\r\n\r\n# HELP g G.\n# TYPE g gauge\ng 1\n"))
    let misplaced = try ask(server.healthPort, "/metrics")
    #expect(misplaced == Answer(404, "there are: /healthz /livez /readyz\n"))
  }

  @Test("both can be on one port, and either can be left out")
  func ports() throws {
    // Any port that nobody has.
    let ports = (0..<100).lazy.map { _ in Int.random(in: 20_000..<30_000) }
    let found = ports.compactMap { port in try? self.server(healthPort: port, monitoringPort: port) }.first
    let shared = try #require(found)
    let free = try #require(shared.healthPort)
    #expect(shared.monitoringPort == free)
    let metrics = try ask(free, "/metrics")
    #expect(metrics == Answer(200, ""))
    let health = try ask(free, "/healthz")
    #expect(health == Answer(200, "ok"))

    let none = try server(healthPort: nil, monitoringPort: nil)
    #expect(none.healthPort == nil)
    #expect(none.monitoringPort == nil)
  }

  @Test("HEAD is GET without the body; other methods are refused")
  func methods() throws {
    let server = try server()
    let client = try LoopbackClient(port: try #require(server.healthPort))
    try client.send("HEAD /healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
    let head = try client.receiveAll()
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(head.contains("Content-Length: 2\r\n"))
    #expect(head.hasSuffix("\r\n\r\n"))
    let post = try ask(server.healthPort, "/healthz", method: "POST")
    #expect(post == Answer(405, "only GET and HEAD are answered\n"))
  }

  @Test("a connection serves one request after the other, also before the answer has come")
  func keepAlive() throws {
    let server = try server()
    let client = try LoopbackClient(port: try #require(server.healthPort))
    let request = "GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n"
    for _ in 0..<3 {
      try client.send(request)
      #expect(try client.receive(until: "ok").hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
    try client.send(request + request.replacing("GET /healthz", with: "GET /x"))
    #expect(try client.receive(until: "/readyz\n").contains("HTTP/1.1 404 Not Found\r\n"))
  }

  @Test("what is no HTTP is answered with 400, and the connection closed")
  func noise() throws {
    let server = try server()
    let client = try LoopbackClient(port: try #require(server.healthPort))
    try client.send("\u{16}\u{3}\u{1}\r\n\r\n")
    #expect(try client.receiveAll().hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
  }

  @Test("a request beyond the limit of bytes is refused", arguments: [false, true])
  func size(isWhole: Bool) throws {
    let server = try server()
    let client = try LoopbackClient(port: try #require(server.healthPort))
    // Exactly one byte too long, so that the server reads everything before it closes.
    let start = "GET /healthz HTTP/1.1\r\nX: "
    let end = isWhole ? "\r\n\r\n" : ""
    let filler = String(repeating: "x", count: (16 << 10) + 1 - start.utf8.count - end.utf8.count)
    try client.send(start + filler + end)
    #expect(
      try client.receiveAll()
        == "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
  }

  @Test("a client that does not finish its request is cut off, one that is between requests has longer")
  func slow() throws {
    var limits = HTTPEndpoint.Limits()
    limits.request = .milliseconds(100)
    let server = try server(limits: limits)
    let silent = try LoopbackClient(port: try #require(server.healthPort))
    #expect(try silent.receiveAll() == "")
    let slow = try LoopbackClient(port: try #require(server.healthPort))
    try slow.send("GET /healthz HTTP/1.1\r\nHost")
    #expect(try slow.receiveAll() == "")

    limits.request = .seconds(20)
    limits.idle = .milliseconds(100)
    let impatient = try self.server(limits: limits)
    let idle = try LoopbackClient(port: try #require(impatient.healthPort))
    try idle.send("GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n")
    #expect(try idle.receiveAll().hasSuffix("ok"))
  }

  @Test("connections beyond the limit are closed at once, until others have gone")
  func count() async throws {
    var limits = HTTPEndpoint.Limits()
    limits.connectionCount = 1
    let server = try server(limits: limits)
    let port = try #require(server.healthPort)
    let request = "GET /healthz HTTP/1.1\r\nHost: node\r\n"
    do {
      let first = try LoopbackClient(port: port)
      try first.send("\(request)\r\n")
      _ = try first.receive(until: "ok")
      #expect(try LoopbackClient(port: port).receiveAll() == "")
      try first.send("\(request)Connection: close\r\n\r\n")
      _ = try first.receiveAll()
    }
    try await eventually {
      guard let client = try? LoopbackClient(port: port) else { return false }
      // The server may have closed it already.
      try? client.send("\(request)Connection: close\r\n\r\n")
      return (try? client.receiveAll().hasSuffix("ok")) ?? false
    }
  }

  @Test("a port that is taken is an error that names it, and what to do")
  func taken() throws {
    let first = try server()
    let port = try #require(first.monitoringPort)
    let error = #expect(throws: PortUnavailable.self) { _ = try server(monitoringPort: port) }
    #expect(
      error?.description
        == "cannot listen on port \(port): EADDRINUSE (98); stop what listens there (ss -ltnp shows it; on the node's "
        + "network every pod with hostNetwork counts), or set MONITORING_PORT to a free port")
    #expect(throws: PortUnavailable(port: port, setting: "HEALTH_PORT", errno: .addressInUse)) {
      _ = try server(healthPort: port)
    }
  }

  @Test("a port that is not allowed is an error with another remedy")
  func forbidden() {
    #expect(
      PortUnavailable(port: 80, setting: "HEALTH_PORT", errno: .permissionDenied).description
        == "cannot listen on port 80: EACCES (13); a port below 1024 takes the capability NET_BIND_SERVICE; set "
        + "HEALTH_PORT to a higher one")
  }

  @Test("it listens on IPv6 as well")
  func bothFamilies() throws {
    let live = try server(monitoringPort: nil)
    let port = try #require(live.healthPort)
    let table = String(decoding: try readFile("/proc/self/net/tcp6", limit: 1 << 20), as: UTF8.self)
    let digits = String(port, radix: 16, uppercase: true)
    let any = String(repeating: "0", count: 32)
    #expect(table.contains("\(any):\(String(repeating: "0", count: 4 - digits.count))\(digits) "))
    withExtendedLifetime(live) {}
  }

  @Test("it ends when its task is cancelled, and frees its ports")
  func end() async throws {
    let server = try server()
    let port = try #require(server.healthPort)
    let task = Task { try await server.run() }
    #expect(try ask(port, "/healthz").status == 200)
    task.cancel()
    try await task.value
    // A child that another test starts at this moment may have the socket until it closes what it has inherited.
    try await eventually {
      do {
        _ = try LoopbackClient(port: port)
        return false
      } catch {
        return true
      }
    }
  }
}
