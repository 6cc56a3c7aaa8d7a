import NodeAgent
import Testing

struct ContestTests {
  let start = SuspendingClock.now

  /// A contest after one repair at each of these seconds.
  private func contest(_ seconds: [Double]) -> Contest {
    var contest = Contest()
    for second in seconds { _ = contest.noteRepair(at: start + .seconds(second)) }
    return contest
  }

  @Test("five repairs within ten seconds are none yet, six are one")
  func begin() {
    var contest = contest([0, 1, 2, 3, 4])
    #expect(!contest.isOn)
    #expect(contest.nextRepair == nil)
    #expect(contest.noteRepair(at: start + .seconds(5)) == true)
    #expect(contest.isOn)
    #expect(contest.nextRepair == start + .seconds(6))
  }

  @Test("repairs that are further apart are none")
  func apart() {
    #expect(!contest((0..<100).map { Double($0) * 2.1 }).isOn)
  }

  @Test("it begins once, and repairs are put off longer each time, up to thirty seconds")
  func backOff() {
    var contest = contest([0, 0, 0, 0, 0, 0])
    var waits: [Duration] = []
    var now = start
    for _ in 0..<7 {
      guard let next = contest.nextRepair else { break }
      waits.append(next - now)
      now = next
      #expect(contest.noteRepair(at: now) == false)
    }
    #expect(waits == [1, 2, 4, 8, 16, 30, 30].map { .seconds($0) })
  }

  @Test("sixty calm seconds end it, and then it starts from the beginning")
  func end() {
    var contest = contest([0, 0, 0, 0, 0, 0])
    #expect(contest.end == start + .seconds(60))
    #expect(contest.settle(at: start + .seconds(59)) == false)
    #expect(contest.isOn)
    #expect(contest.settle(at: start + .seconds(60)) == true)
    #expect(!contest.isOn)
    #expect(contest.nextRepair == nil)
    #expect(contest.settle(at: start + .seconds(200)) == false)
    #expect(contest.noteRepair(at: start + .seconds(200)) == false)
  }

  @Test("a repair after the calm is the first of a new count")
  func late() {
    var contest = contest([0, 0, 0, 0, 0, 0])
    #expect(contest.noteRepair(at: start + .seconds(61)) == false)
    #expect(!contest.isOn)
  }
}
