import JSON
import MeshPod

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

  /// Whether the record is to be told where `threshold` is the least that is.
  func passes(_ threshold: LogLevel) -> Bool { level <= threshold && threshold != .none }

  /// The line.
  var line: [UInt8] {
    var object = JSONObject()
    object["level"] = .string(level.word)
    for member in fields.members { object[member.key] = member.value }
    return JSONValue.object(object).serialized(.compact) + [UInt8(ascii: "\n")]
  }
}
