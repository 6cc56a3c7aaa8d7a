import JSON
import Logging

/// How lines of the log look.
package enum LogFormat: Sendable {
  /// Tabs between time, level, scope, message and fields, as Istio's programs write it.
  case plain
  /// An object a line, with the names of Istio's programs.
  case json
}

/// One line of the log.
struct LogLine {
  var time: Timestamp
  var level: Logger.Level
  /// The default scope is not named.
  var scope: String
  var message: String
  var fields: Logger.Metadata

  /// With the line feed.
  func bytes(_ format: LogFormat) -> [UInt8] {
    switch format {
    case .plain: Array("\(plain)\n".utf8)
    case .json: json.serialized() + [UInt8(ascii: "\n")]
    }
  }

  private var plain: String {
    var columns = ["\(time)", levelName]
    if scope != AgentLog.defaultScope { columns.append(scope) }
    columns.append(Self.onOneLine(Redaction.redacted(message)))
    if !fields.isEmpty {
      columns.append(
        fields.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.word($0.value, of: $0.key))" }.joined(separator: " "))
    }
    return columns.joined(separator: "\t")
  }

  /// As Istio's loggers call it.
  private var levelName: String {
    switch level {
    case .trace, .debug: "debug"
    case .info, .notice: "info"
    case .warning: "warn"
    case .error: "error"
    case .critical: "fatal"
    }
  }

  private var json: JSONValue {
    var object: JSONObject = ["level": .string(levelName), "time": .string("\(time)")]
    if scope != AgentLog.defaultScope { object["scope"] = .string(scope) }
    object["msg"] = .string(Redaction.redacted(message))
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
      // A field cannot pass itself off as the line's own.
      let isTaken = ["level", "time", "scope", "msg"].contains(name)
      object[isTaken ? "field_\(name)" : name] = Self.json(value, of: name)
    }
    return .object(object)
  }

  private static func json(_ value: Logger.MetadataValue, of name: String) -> JSONValue {
    if Redaction.isSecret(name) { return .string(Redaction.mark) }
    return switch value {
    case .string(let text): .string(Redaction.redacted(text))
    case .stringConvertible(let value): .string(Redaction.redacted("\(value)"))
    case .array(let values): .array(values.map { json($0, of: name) })
    case .dictionary(let members):
      .object(JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key, json($0.value, of: $0.key)) }))
    }
  }

  /// A value that ends at the next space.
  private static func word(_ value: Logger.MetadataValue, of name: String) -> String {
    let json = json(value, of: name)
    guard let text = json.string else { return json.text() }
    let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") }
    return isPlain ? text : json.text()
  }

  /// Control characters as JSON spells them: a line stays one, whatever is in it.
  private static func onOneLine(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
