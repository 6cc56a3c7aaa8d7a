import CNI
import Foundation
import JSON
import Testing

/// Repeatable random numbers, so that a failure can be looked at again. Source: Steele, Lea, Flood, "SplitMix".
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Damaged input: nothing may crash, and what is still accepted must mean the same after printing and reading again.
@Suite struct MutationTests {
  static let roundCount = 1000
  static let seeds: [UInt64] = [1, 2, 3, 4, 5, 6]

  /// Pieces that grammars trip over.
  static let pieces: [String] = [
    "\"", "\\", "\\u", "\\ud83d", "\\u0000", "{", "}", "[", "]", ",", ":", "0", "-", "1e5", "1e999999999999999999999",
    "-1", ".5", "null", "true", "\u{0}", "\u{FEFF}", "é", ";", "=", "==", "/", "..", " ", "\n", "\"name\":\"x\",", "99",
  ]

  static func mutate(_ text: String, _ random: inout SplitMix64) -> [UInt8] {
    var bytes = Array(text.utf8)
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let start = Int.random(in: 0...bytes.count, using: &random)
      let end = Int.random(in: start...min(bytes.count, start + 4), using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes.removeSubrange(start..<end)
      case 1: bytes.insert(contentsOf: pieces.randomElement(using: &random)?.utf8 ?? "".utf8, at: start)
      case 2: bytes.replaceSubrange(start..<end, with: pieces.randomElement(using: &random)?.utf8 ?? "".utf8)
      case 3 where start < bytes.count: bytes[start] = UInt8.random(in: .min ... .max, using: &random)
      default: bytes.insert(contentsOf: bytes[start..<end], at: start)
      }
    }
    return bytes
  }

  @Test("JSON reads back, and JSONSerialization accepts what is accepted", arguments: seeds)
  func mutatesJSON(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let document = #"{"a":[1,-0.5e3,"x\n\u00e9\ud83d\ude80ö",true,null,{}],"b":{"c":"","d":[[]]},"1":2}"#
    for _ in 0..<Self.roundCount {
      let bytes = Self.mutate(document, &random)
      guard let value = try? JSONValue(parsing: bytes) else { continue }
      #expect(try JSONValue(parsing: value.serialized()) == value)
      #expect(try JSONValue(parsing: value.serialized(.indented(1))) == value)
      if value.fitsDoubles {
        #expect(throws: Never.self) {
          try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        }
      }
    }
  }

  @Test("a configuration is refused or reads back", arguments: seeds)
  func mutatesConfiguration(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let document = #"{"cniVersion":"1.0.0","name":"m","type":"t","prevResult":{"a":1},"list":["a"],"runtimeConfig":{}}"#
    for _ in 0..<Self.roundCount {
      let bytes = Self.mutate(document, &random)
      _ = NetworkConfiguration.version(in: bytes)
      guard let configuration = try? NetworkConfiguration(parsing: bytes) else { continue }
      let again = try NetworkConfiguration(parsing: JSONValue.object(configuration.object).serialized())
      #expect(again.object == configuration.object)
      #expect(again.name == configuration.name && again.version == configuration.version)
      _ = try? configuration.validAttachments()
      _ = try? configuration.strings("list")
    }
  }

  @Test("a result is refused or renders in its version to itself", arguments: seeds, SpecVersion.allSupported)
  func mutatesResult(seed: UInt64, version: SpecVersion) throws {
    var random = SplitMix64(seed: seed)
    let document = SampleResult.text(version)
    for _ in 0..<Self.roundCount / 4 {
      guard let previous = try? JSONValue(parsing: Self.mutate(document, &random)).object,
        let result = try? AttachmentResult(previous: previous, version: version)
      else { continue }
      _ = result.addresses
      for target in SpecVersion.allSupported {
        guard let rendered = try? result.rendered(as: target) else { continue }
        #expect(try JSONValue(parsing: JSONValue.object(rendered).serialized()) == .object(rendered))
        let again = try AttachmentResult(previous: rendered, version: target)
        #expect(try again.rendered(as: target) == rendered)
      }
    }
  }

  @Test("CNI_ARGS is refused or read", arguments: seeds)
  func mutatesArguments(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let document = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=u"
    for _ in 0..<Self.roundCount {
      let text = String(decoding: Self.mutate(document, &random), as: UTF8.self)
      guard let arguments = try? PodArguments(parsing: text) else { continue }
      #expect(!arguments.podName.contains("=") && !arguments.podName.utf8.contains(UInt8(ascii: ";")))
    }
  }

  @Test("an environment is refused or read, and every refusal prints", arguments: seeds)
  func mutatesEnvironment(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let environment = ["CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/n", "CNI_IFNAME": "eth0"]
    for _ in 0..<Self.roundCount {
      let damaged = environment.mapValues { value in
        Bool.random(using: &random) ? value : String(decoding: Self.mutate(value, &random), as: UTF8.self)
      }
      do {
        let invocation = try Invocation(environment: damaged)
        #expect(invocation.interfaceName.utf8.count <= 15)
      } catch {
        let printed = try JSONValue(parsing: error.serialized(version: nil))
        #expect(printed["code"]?.int == 4)
        #expect(printed["msg"]?.string?.contains("\n") == false)
      }
    }
  }
}

extension JSONValue {
  /// Whether every number is one to Foundation, which holds them as Double.
  fileprivate var fitsDoubles: Bool {
    switch self {
    case .number(let number): Double(number.spelling)?.isFinite == true
    case .array(let elements): elements.allSatisfy(\.fitsDoubles)
    case .object(let object): object.members.allSatisfy(\.value.fitsDoubles)
    default: true
    }
  }
}
