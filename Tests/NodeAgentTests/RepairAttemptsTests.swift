import Kubernetes
import Testing

@testable import NodeAgent

@Suite struct RepairAttemptsTests {
  /// Attempts at pods, and the time.
  private final class Course {
    var attempts = RepairAttempts(backOff: BackOff(first: .seconds(1), limit: .seconds(60)))
    var now = ContinuousClock.now

    func wait(_ uid: String, _ version: String) -> Duration? { attempts.wait(of: uid, version: version, at: now) }
    func fail(_ uid: String) -> Bool { attempts.fail(uid, at: now) }
  }

  @Test("a state of a pod that failed is tried again later and later, and five times at most")
  func limit() {
    let course = Course()
    var waits: [Duration] = []
    while let wait = course.wait("a", "1") {
      waits.append(wait)
      course.now += wait
      #expect(course.wait("a", "1") == .zero)
      #expect(course.fail("a") == (waits.count == 1))
    }
    #expect(waits.count == 5)
    #expect(waits.first == .zero)
    for (wait, usual) in zip(waits.dropFirst(), [1.0, 2, 4, 8]) {
      #expect((usual * 0.75...usual * 1.25).contains(wait / .seconds(1)))
    }
  }

  @Test("a new state of the pod is tried anew, and not sooner than the back-off says")
  func newState() throws {
    let course = Course()
    while course.wait("a", "1") != nil { _ = course.fail("a") }
    let wait = try #require(course.wait("a", "2"))
    #expect(wait > .seconds(10))
    course.now += wait
    #expect(course.wait("a", "2") == .zero)
  }

  @Test("a state that was passed over is not tried again, and a pod that is done never")
  func settled() {
    let course = Course()
    #expect(course.wait("a", "1") == .zero)
    course.attempts.passOver("a")
    #expect(course.wait("a", "1") == nil)
    #expect(course.wait("a", "2") == .zero)
    course.attempts.finish("a")
    #expect(course.wait("a", "3") == nil)
    #expect(course.wait("b", "1") == .zero)
  }

  @Test("a pod that is no longer there is forgotten")
  func forgotten() {
    let course = Course()
    #expect(course.wait("a", "1") == .zero)
    course.attempts.finish("a")
    course.attempts.keep(only: ["b"])
    #expect(course.wait("a", "1") == .zero)
  }
}
