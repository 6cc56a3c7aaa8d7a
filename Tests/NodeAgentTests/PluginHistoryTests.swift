import CNI
import JSON
import NodeAgent
import System
import TestKit
import Testing

@Suite struct PluginHistoryTests {
  @Test("records come back in their order")
  func order() throws {
    let folder = try TemporaryFolder()
    let history = PluginHistory(RunDirectory(folder.path))
    #expect(try history.records() == [])
    try history.append(Array("{\"n\":1}\n".utf8))
    try history.append(Array("{\"n\":2}".utf8))
    #expect(try history.records() == [["n": 1], ["n": 2]])
    #expect(try FileIdentity(of: "\(folder.path)/history.jsonl").mode == 0o600)
  }

  @Test("the oldest records make room for new ones")
  func ring() throws {
    let folder = try TemporaryFolder()
    let history = PluginHistory(RunDirectory(folder.path), capacity: 1000)
    for number in 0..<1000 { try history.append(Array("{\"number\":\(number)}".utf8)) }
    let numbers = try history.records().compactMap { $0["number"]?.int }
    #expect(numbers.last == 999)
    #expect(numbers == Array((1000 - numbers.count)..<1000))
    #expect((50..<150).contains(numbers.count))
  }

  @Test("a line that was cut is passed over")
  func cut() throws {
    let folder = try TemporaryFolder()
    let history = PluginHistory(RunDirectory(folder.path))
    try history.append(Array("{\"n\":1}".utf8))
    try history.append(Array("{\"n\":".utf8))
    try history.append(Array("{\"n\":3}".utf8))
    #expect(try history.records() == [["n": 1], ["n": 3]])
  }
}
