import Harness
import System
import Testing

/// A day in a node's life, as `netns-sim day` lives it.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct DayTests {
  @Test("no pod of the mesh is ever without its redirect, or stuck", arguments: Day.Mode.allCases)
  func day(mode: Day.Mode) async throws {
    try await onOwnThread {
      let rows = try Day(mode, AgentNode.Programs(folder: try executableFolder())).run()
      for row in rows { #expect(row.problem == nil, "\(row.step): \(row.claim)") }
      #expect(rows.count > 60)
    }
  }
}
