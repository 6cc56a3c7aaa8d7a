import Glibc
import NodeAgent
import System
import TestKit
import Testing

@Suite struct SettingTests {
  @Test("no two settings have a name in common")
  func distinctNames() {
    let settings = Setting.all + Setting.unused
    let keys = settings.flatMap { [$0.key] + $0.aliases }
    #expect(Set(keys).count == keys.count)
    let flags = settings.compactMap(\.flag)
    #expect(Set(flags).count == flags.count)
  }

  @Test("a flag is its key in lower case with dashes, but for the two of Istio's logs")
  func flags() {
    let others = Setting.all.filter { $0.flag != $0.key.lowercased().replacing("_", with: "-") }
    #expect(others.compactMap(\.flag) == ["log_output_level", "log_as_json"])
  }

  @Test("every default is a value that its setting allows")
  func defaults() throws {
    var written: [String: String] = [:]
    for setting in Setting.all where !setting.standard.isEmpty { written[setting.key] = setting.standard }
    let unset = try AgentSettings(flags: [:], configMap: [:], environment: [:])
    #expect(try AgentSettings(flags: [:], configMap: [:], environment: written) == unset)
  }

  @Test("the README has the table of the settings")
  func readme() throws {
    let path = repositoryPath("README.md")
    var text = String(decoding: try readFile(path, limit: 1 << 20), as: UTF8.self)
    let rows = text.split(separator: "\n", omittingEmptySubsequences: false)
    let head = try #require(rows.firstIndex(of: "| key | default | meaning |"))
    let end = rows[head...].firstIndex { !$0.hasPrefix("|") } ?? rows.endIndex
    if getenv("UPDATE_FIXTURES") != nil {
      text = (rows[..<head] + [Substring(Setting.markdownTable)] + rows[end...]).joined(separator: "\n")
      try AtomicFile.write(Array(text.utf8), to: path, mode: 0o644)
    } else {
      #expect(rows[head..<end].joined(separator: "\n") == Setting.markdownTable)
    }
  }
}
