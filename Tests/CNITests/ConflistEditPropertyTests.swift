import CNI
import JSON
import Testing

/// What holds for every list, however it is spelled.
@Suite struct ConflistEditPropertyTests {
  static let seeds: [UInt64] = [1, 2, 3, 4, 5, 6]
  static let roundCount = 120

  static func edit(
    _ bytes: [UInt8], _ kind: NetworkConfigurationFile.Kind = .list
  ) throws(ConfigurationFault) -> ConflistEdit {
    ConflistEdit(of: try NetworkConfigurationFile(parsing: bytes, kind: kind), type: RandomConflist.type)
  }

  static func plugins(_ bytes: [UInt8]) throws -> [JSONValue] {
    try #require(JSONValue(parsing: bytes)["plugins"]?.array)
  }

  /// The members of a list that are not its plugins.
  static func rest(_ bytes: [UInt8]) throws -> JSONObject? {
    var object = try JSONValue(parsing: bytes).object
    object?["plugins"] = nil
    return object
  }

  @Test("an entry goes in without changing a byte, and out again without a trace", arguments: seeds)
  func restores(seed: UInt64) throws {
    var source = RandomConflist(seed: seed)
    for _ in 0..<Self.roundCount {
      let entry = source.plugin(RandomConflist.type)
      let list = source.list()
      let before = source.anySpelling(of: .object(list))
      let installed = try Self.edit(before).inserting(entry)
      try #require(try Self.plugins(installed) == Self.plugins(before) + [.object(entry)])
      let prefixCount = zip(before, installed).prefix { $0 == $1 }.count
      let suffixCount = zip(before.reversed(), installed.reversed()).prefix { $0 == $1 }.count
      try #require(prefixCount + suffixCount >= before.count)
      let again = try Self.edit(installed)
      try #require(again.isInPlace(entry))
      try #require(try again.inserting(entry) == installed)
      try #require(try again.removing() == before)
    }
  }

  @Test("entries that are misplaced, edited or repeated become one, and the others stay as spelled", arguments: seeds)
  func unifies(seed: UInt64) throws {
    var source = RandomConflist(seed: seed)
    for _ in 0..<Self.roundCount {
      let entry = source.plugin(RandomConflist.type)
      let others = (0..<Int.random(in: 1...3, using: &source.random)).map { source.plugin("other-\($0)") }
      let ours = (0..<Int.random(in: 1...3, using: &source.random)).map { _ in source.plugin(RandomConflist.type) }
      let list = source.list(of: (others + ours).shuffled(using: &source.random))
      let before = source.anySpelling(of: .object(list))
      let edit = try Self.edit(before)
      try #require(edit.positions.count == ours.count)
      let removed = try edit.removing()
      let othersLeft = try Self.plugins(before).filter { $0["type"]?.string != RandomConflist.type }
      try #require(try Self.plugins(removed) == othersLeft)
      let installed = try edit.inserting(entry)
      if edit.isInPlace(entry) {
        try #require(installed == before)
        continue
      }
      try #require(try installed == Self.edit(removed).inserting(entry))
      try #require(try Self.plugins(installed) == othersLeft + [.object(entry)])
      try #require(try Self.rest(installed) == Self.rest(before))
      try #require(try Self.edit(installed).inserting(entry) == installed)
      try #require(try Self.edit(installed).removing() == removed)
    }
  }

  @Test("a list as a formatter leaves it looks formatted with one plugin more", arguments: seeds)
  func followsStyle(seed: UInt64) throws {
    var source = RandomConflist(seed: seed)
    for _ in 0..<Self.roundCount {
      let entry = source.plugin(RandomConflist.type)
      var list = source.list()
      let spelling = source.tidySpelling()
      let before = Array(RandomConflist.spell(.object(list), spelling).utf8)
      let installed = try Self.edit(before).inserting(entry)
      list["plugins"] = .array(try Self.plugins(before) + [.object(entry)])
      try #require(String(decoding: installed, as: UTF8.self) == RandomConflist.spell(.object(list), spelling))
    }
  }

  @Test("a plugin alone becomes a list and a plugin alone again, byte for byte", arguments: seeds)
  func wraps(seed: UInt64) throws {
    var source = RandomConflist(seed: seed)
    for _ in 0..<Self.roundCount {
      let entry = source.plugin(RandomConflist.type)
      var plugin = source.plugin("other")
      plugin["name"] = "net"
      if Bool.random(using: &source.random) { plugin["cniVersion"] = "0.4.0" }
      let before = source.anySpelling(of: .object(plugin))
      let installed = try Self.edit(before, .plugin).inserting(entry)
      try #require(try Self.plugins(installed) == [.object(plugin), .object(entry)])
      let file = try NetworkConfigurationFile(parsing: installed, kind: .list)
      try #require(file.name == "net")
      try #require(file.version == plugin["cniVersion"]?.string)
      try #require(!file.includesFolder)
      try #require(try Self.edit(installed).isInPlace(entry))
      try #require(try Self.edit(installed).unwrapping() == before)
      try #require(try Self.edit(Self.edit(installed).removing()).unwrapping() == before)
    }
  }

  @Test("damaged files are refused with a place in them, or can be edited", arguments: seeds)
  func survivesDamage(seed: UInt64) throws {
    var source = RandomConflist(seed: seed)
    for _ in 0..<Self.roundCount {
      let entry = source.plugin(RandomConflist.type)
      let text = String(decoding: source.anySpelling(of: .object(source.list())), as: UTF8.self)
      let damaged = MutationTests.mutate(text, &source.random)
      do {
        let installed = try Self.edit(damaged).inserting(entry)
        try #require(try Self.edit(installed).isInPlace(entry))
      } catch let error as ConfigurationFault {
        try #require(error.position.line <= damaged.count { $0 == UInt8(ascii: "\n") } + 1)
        try #require(!error.description.contains("\n"))
      }
    }
  }
}
