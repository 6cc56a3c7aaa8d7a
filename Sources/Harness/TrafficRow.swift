package import JSON
package import System

/// A question put to the kernel with one connection.
package struct TrafficRow: Sendable {
  package let pod: String
  package let direction: String
  package let from: String
  package let to: Endpoint
  package let expected: String
  package let seen: String

  package var isOK: Bool { expected == seen }

  package var json: JSONValue {
    [
      "pod": .string(pod), "direction": .string(direction), "from": .string(from), "to": .string("\(to)"),
      "expected": .string(expected), "seen": .string(seen), "ok": .bool(isOK),
    ]
  }
}
