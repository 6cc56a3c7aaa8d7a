import JSON

/// How much an invocation tells, least first.
package enum LogLevel: Int, Sendable, Comparable {
  case none
  case error
  case warn
  case info
  case debug

  /// Istio's words; nil for any other.
  package init?(_ word: String) {
    switch word {
    case "none": self = .none
    case "error": self = .error
    case "warn", "warning": self = .warn
    case "info": self = .info
    case "debug": self = .debug
    default: return nil
    }
  }

  package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// The one line an invocation leaves on standard error, as a JSON object. Never holds annotations, environment or
/// credentials.
struct LogRecord: Sendable {
  private(set) var level = LogLevel.info
  private var fields = JSONObject()

  /// Sets a field; a field of this name is replaced.
  subscript(key: String) -> JSONValue? {
    get { fields[key] }
    set { fields[key] = newValue }
  }

  /// Raises the record's level; it never sinks.
  mutating func raise(to level: LogLevel) {
    if level < self.level { self.level = level }
  }

  /// The line, or nothing when `threshold` is below the record's level.
  func line(threshold: LogLevel) -> [UInt8] {
    guard level <= threshold, threshold != .none else { return [] }
    var object = JSONObject()
    object["level"] = .string("\(level)")
    for member in fields.members { object[member.key] = member.value }
    return JSONValue.object(object).serialized(.compact) + [UInt8(ascii: "\n")]
  }
}
