import JSON

/// Writes network configurations that differ in what they say and in how they are spelled.
struct RandomConflist {
  /// How JSON is spelled: the white space at each place where it may stand.
  struct Spelling {
    var afterOpening: (_ isObject: Bool, _ depth: Int) -> String
    var beforeClosing: (_ isObject: Bool, _ depth: Int) -> String
    var comma: (_ depth: Int) -> String
    var colon: () -> String
  }

  static let type = "istio-cni"

  var random: SplitMix64

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
  }

  // MARK: What it says

  /// A list of one to five plugins, none of them ours.
  mutating func list() -> JSONObject {
    list(of: (0..<Int.random(in: 1...5, using: &random)).map { _ in plugin(random.pick(["a", "b", "istio-cni2"])) })
  }

  /// A list of `plugins`, among other keys, in any order.
  mutating func list(of plugins: [JSONObject]) -> JSONObject {
    var members: [(String, JSONValue)] = [
      ("name", "net"), ("plugins", .array(plugins.map(JSONValue.object))), ("x", ["plugins": [["type": "istio-cni"]]]),
    ]
    if Bool.random(using: &random) { members.append(("cniVersion", "0.3.1")) }
    if Bool.random(using: &random) { members.append(("odd, \"key\": [{", value(depth: 2))) }
    return JSONObject(members.shuffled(using: &random))
  }

  /// A plugin with `type`, and one to four more members.
  mutating func plugin(_ type: String) -> JSONObject {
    var members: [(String, JSONValue)] = [("type", .string(type))]
    for index in 0..<Int.random(in: 1...4, using: &random) { members.append(("k\(index)", value(depth: 3))) }
    return JSONObject(members.shuffled(using: &random))
  }

  mutating func value(depth: Int) -> JSONValue {
    let count = Int.random(in: 0...2, using: &random)
    switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
    case 0: return .bool(Bool.random(using: &random))
    case 1: return nil
    case 2: return .number(JSONNumber(Int.random(in: -1...9000, using: &random)))
    case 3, 4: return .string(random.pick(["", "plugins", "}], \"", "é\\\n", ",", "\u{1F680}/"]))
    case 5: return .array((0..<count).map { _ in value(depth: depth - 1) })
    default: return .object(JSONObject((0..<count).map { ("k\($0)", value(depth: depth - 1)) }))
    }
  }

  // MARK: How it is spelled

  /// White space of any kind anywhere.
  mutating func anySpelling(of value: JSONValue) -> [UInt8] {
    // One generator for all places, which read it one after the other.
    let state = Generator(random: SplitMix64(seed: random.next()))
    let spelling = Spelling(
      afterOpening: { _, _ in state.whitespace() }, beforeClosing: { _, _ in state.whitespace() },
      comma: { _ in state.whitespace() + "," + state.whitespace() },
      colon: { state.whitespace() + ":" + state.whitespace() })
    return Array((state.whitespace() + Self.spell(value, spelling) + state.whitespace()).utf8)
  }

  /// One member or element a line, or everything on one line, as formatters do it.
  mutating func tidySpelling() -> Spelling {
    let colon = random.pick([": ", ":", " : "])
    guard Bool.random(using: &random) else {
      let pad = random.pick(["", " "])
      let comma = colon.last == " " ? ", " : ","
      return Spelling(
        afterOpening: { isObject, _ in isObject ? pad : "" }, beforeClosing: { isObject, _ in isObject ? pad : "" },
        comma: { _ in comma }, colon: { colon })
    }
    let unit = random.pick(["  ", "    ", "\t", "   "])
    let newline = random.pick(["\n", "\r\n"])
    let line = { (depth: Int) in newline + String(repeating: unit, count: depth) }
    return Spelling(
      afterOpening: { _, depth in line(depth + 1) }, beforeClosing: { _, depth in line(depth) },
      comma: { depth in "," + line(depth + 1) }, colon: { colon })
  }

  static func spell(_ value: JSONValue, _ spelling: Spelling, depth: Int = 0) -> String {
    func bracketed(_ texts: [String], isObject: Bool, _ open: String, _ close: String) -> String {
      guard !texts.isEmpty else { return open + close }
      let comma = spelling.comma
      let joined = texts.dropFirst().reduce(texts[0]) { $0 + comma(depth) + $1 }
      return open + spelling.afterOpening(isObject, depth) + joined + spelling.beforeClosing(isObject, depth) + close
    }
    switch value {
    case .object(let object):
      let texts = object.members.map { key, value in
        JSONValue.string(key).text() + spelling.colon() + spell(value, spelling, depth: depth + 1)
      }
      return bracketed(texts, isObject: true, "{", "}")
    case .array(let elements):
      return bracketed(elements.map { spell($0, spelling, depth: depth + 1) }, isObject: false, "[", "]")
    default: return value.text()
    }
  }
}

/// A random source that closures share.
private final class Generator {
  private var random: SplitMix64

  init(random: SplitMix64) {
    self.random = random
  }

  func whitespace() -> String {
    random.pick(["", "", " ", "\n", "\r\n", "\t", "\r", "  \n    ", "\n\n\t", " \r\n  "])
  }
}

extension RandomNumberGenerator {
  /// One of `choices`, of which there is at least one.
  mutating func pick(_ choices: [String]) -> String {
    choices[Int.random(in: 0..<choices.count, using: &self)]
  }
}
