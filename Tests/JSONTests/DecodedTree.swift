import JSON

/// A JSON value as JSONDecoder sees it: the independent view on the parser.
indirect enum DecodedTree: Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([DecodedTree])
  case object([String: DecodedTree])

  init(_ value: JSONValue) {
    self =
      switch value {
      case .null: .null
      case .bool(let truth): .bool(truth)
      case .number(let number): .number(Double(number.spelling) ?? .nan)
      case .string(let text): .string(text)
      case .array(let elements): .array(elements.map(DecodedTree.init))
      case .object(let object):
        .object(Dictionary(uniqueKeysWithValues: object.members.map { ($0.key, DecodedTree($0.value)) }))
      }
  }
}

extension DecodedTree: Decodable {
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let truth = try? container.decode(Bool.self) {
      self = .bool(truth)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let elements = try? container.decode([DecodedTree].self) {
      self = .array(elements)
    } else {
      self = .object(try container.decode([String: DecodedTree].self))
    }
  }
}
