import CNI
import Glibc
import JSON
import NodeAgent
import System
import Testing

@Suite struct PluginHistoryTests {
  /// A folder of a test's own, and what the history leaves there.
  private struct Folder: ~Copyable {
    let path = "/tmp/history-\(UInt32.random(in: 0...UInt32.max))"

    init() throws { try makeFolder(path) }

    deinit {
      unlink("\(path)/history.jsonl")
      unlink("\(path)/history.jsonl.1")
      rmdir(path)
    }
  }

  @Test("records come back in their order")
  func order() throws {
    let folder = try Folder()
    let history = PluginHistory(RunDirectory(folder.path))
    #expect(try history.records() == [])
    try history.append(Array("{\"n\":1}\n".utf8))
    try history.append(Array("{\"n\":2}".utf8))
    #expect(try history.records() == [["n": 1], ["n": 2]])
    #expect(try FileIdentity(of: "\(folder.path)/history.jsonl").mode == 0o600)
  }

  @Test("the oldest records make room for new ones")
  func ring() throws {
    let folder = try Folder()
    let history = PluginHistory(RunDirectory(folder.path), capacity: 1000)
    for number in 0..<1000 { try history.append(Array("{\"number\":\(number)}".utf8)) }
    let numbers = try history.records().compactMap { $0["number"]?.int }
    #expect(numbers.last == 999)
    #expect(numbers == Array((1000 - numbers.count)..<1000))
    #expect((50..<150).contains(numbers.count))
  }

  @Test("a line that was cut is passed over")
  func cut() throws {
    let folder = try Folder()
    let history = PluginHistory(RunDirectory(folder.path))
    try history.append(Array("{\"n\":1}".utf8))
    try history.append(Array("{\"n\":".utf8))
    try history.append(Array("{\"n\":3}".utf8))
    #expect(try history.records() == [["n": 1], ["n": 3]])
  }
}
