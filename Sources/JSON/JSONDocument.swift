/// A JSON text together with where each of its values stands, for changing some bytes and leaving all others alone.
package struct JSONDocument: Sendable {
  /// The text as it was read.
  package let bytes: [UInt8]

  /// The one value that the text holds.
  package let root: JSONNode

  /// Reads exactly one JSON value, by the same rules as ``JSONValue/init(parsing:)``.
  ///
  /// - Throws: a ``JSONError`` that names the place.
  /// - Complexity: linear in the number of bytes.
  package init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes, recordsSpans: true)
    let value = try parser.document()
    var reader = SpanReader(spans: parser.spans ?? [])
    self.bytes = bytes
    root = reader.node(of: value)
  }
}

/// A value and the bytes that spell it.
package struct JSONNode: Sendable {
  /// What the bytes mean.
  package let value: JSONValue

  /// From the first to behind the last byte of the value; brackets and quotes included, white space around it not.
  package let range: Range<Int>

  /// The members of an object in order; empty for anything else.
  package let members: [JSONMember]

  /// The elements of an array in order; empty for anything else.
  package let elements: [JSONNode]

  /// The value of the member `key`; nil when there is none or this is not an object.
  package subscript(key: String) -> JSONNode? {
    members.first { $0.key == key }?.node
  }
}

/// A member of an object and the bytes that spell it.
package struct JSONMember: Sendable {
  /// The key, without escapes.
  package let key: String

  /// The bytes of the key, quotes included.
  package let keyRange: Range<Int>

  /// The value.
  package let node: JSONNode

  /// From the key to behind the value.
  package var range: Range<Int> { keyRange.lowerBound..<node.range.upperBound }
}

/// Gives the spans, which the parser records in the order in which keys and values begin, to their values.
private struct SpanReader {
  let spans: [Range<Int>]
  private var next = 0

  init(spans: [Range<Int>]) {
    self.spans = spans
  }

  mutating func node(of value: JSONValue) -> JSONNode {
    let range = take()
    var members: [JSONMember] = []
    var elements: [JSONNode] = []
    switch value {
    case .object(let object):
      for (key, value) in object.members {
        members.append(JSONMember(key: key, keyRange: take(), node: node(of: value)))
      }
    case .array(let values):
      for value in values { elements.append(node(of: value)) }
    case .null, .bool, .number, .string: break
    }
    return JSONNode(value: value, range: range, members: members, elements: elements)
  }

  private mutating func take() -> Range<Int> {
    defer { next += 1 }
    return spans[next]
  }
}
