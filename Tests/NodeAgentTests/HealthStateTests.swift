import Synchronization
import Testing

@testable import NodeAgent

struct HealthStateTests {
  @Test("it is not ready before what it waits for is set")
  func awaiting() {
    let health = HealthState()
    #expect(!health.isReady)
    #expect(health.readiness.text == "[-]install failed: not done yet\nreadyz check failed\n")
    health.set("install", .ok())
    #expect(health.isReady)
    #expect(health.readiness.text == "[+]install ok\nreadyz check passed\n")
  }

  @Test("one failing check is enough, and each has its line")
  func checks() {
    let health = HealthState()
    health.set("install", .ok())
    health.set("config", .ok(note: "LOG_LEVEL is not a level"))
    health.set("api", .failing("401 Unauthorized"))
    #expect(
      health.readiness
        == HealthReport(
          isPassed: false,
          text: """
            [+]install ok
            [+]config ok: LOG_LEVEL is not a level
            [-]api failed: 401 Unauthorized
            readyz check failed

            """))
    health.set("api", .ok())
    #expect(health.isReady)
    #expect(health["api"] == .ok())
    #expect(health["none"] == nil)
  }

  @Test(
    "a token fails in the minute before its end, as told at the time of the question",
    arguments: [
      (939, "[+]token ok: expires in 61 s\nreadyz check passed\n"),
      (960, "[-]token failed: expires in 40 s\nreadyz check failed\n"),
      (1000, "[-]token failed: expired 0 s ago\nreadyz check failed\n"),
      (1020, "[-]token failed: expired 20 s ago\nreadyz check failed\n"),
    ])
  func expiry(now: Int, text: String) {
    let health = HealthState(awaiting: [], timeOfDay: { .seconds(now) })
    health.set("token", .expiring(at: .seconds(1000)))
    #expect(health.readiness.text == text)
  }

  @Test("a loop that stands still for five minutes is not alive, whatever else is well")
  func standstill() {
    let start = SuspendingClock.now
    let now = Mutex(start)
    let health = HealthState(awaiting: [], uptime: { now.withLock { $0 } })
    now.withLock { $0 = start + .seconds(300) }
    #expect(health.liveness == HealthReport(isPassed: true, text: "[+]loop ok\nlivez check passed\n"))
    now.withLock { $0 = start + .seconds(301) }
    #expect(
      health.liveness
        == HealthReport(
          isPassed: false, text: "[-]loop failed: the loop has not moved for 301 s\nlivez check failed\n"))
    #expect(health.isReady)
    health.beat()
    #expect(health.liveness.isPassed)
  }
}
