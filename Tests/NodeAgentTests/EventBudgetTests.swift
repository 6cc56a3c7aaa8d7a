import Testing

@testable import NodeAgent

@Suite struct EventBudgetTests {
  /// Whether each of some Events is in the budget, by the seconds at which they come.
  private static func verdicts(_ budget: inout EventBudget, _ seconds: [Int]) -> [Bool] {
    seconds.map { budget.take(at: .seconds($0)) }
  }

  /// A budget of which all was taken at 1000 s.
  private static func spent() -> EventBudget {
    var budget = EventBudget()
    while budget.take(at: .seconds(1000)) {}
    return budget
  }

  @Test("some Events at once, and one more every half minute")
  func refill() {
    var budget = EventBudget()
    let first = Self.verdicts(&budget, Array(repeating: 1000, count: 25))
    #expect(first == Array(repeating: true, count: 20) + Array(repeating: false, count: 5))
    let later = Self.verdicts(&budget, [1029, 1030, 1031, 1060])
    #expect(later == [false, true, false, true])
  }

  @Test("a clock that was set back gives none, and does not take any")
  func clockSetBack() {
    var budget = Self.spent()
    let verdicts = Self.verdicts(&budget, [10, 40])
    #expect(verdicts == [false, true])
  }

  @Test("after ten minutes without any it is full again")
  func full() {
    var budget = Self.spent()
    #expect(!budget.isFull)
    let verdicts = Self.verdicts(&budget, [1600])
    #expect(verdicts == [true])
    #expect(budget.isFull)
  }
}
