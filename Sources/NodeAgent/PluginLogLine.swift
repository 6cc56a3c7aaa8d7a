import JSON
package import Logging

/// A line of Istio's plugin, as its logger writes it: a JSON object.
package struct PluginLogLine: Sendable {
  let time: Timestamp
  package let level: Logger.Level
  package let message: String
  /// Everything else, by name.
  package let fields: Logger.Metadata

  /// - Returns: nil for a line that lacks a time or a text, or has another level than the four that the plugin uses.
  package init?(parsing text: String) {
    // What is no JSON is no line.
    guard let object = (try? JSONValue(parsing: Array(text.utf8)))?.object,
      let time = object["time"]?.string.flatMap({ Timestamp(parsing: $0) }), let message = object["msg"]?.string,
      let level = object["level"]?.string.flatMap({ Self.levels[$0] })
    else { return nil }
    self.time = time
    self.level = level
    self.message = message
    var fields: Logger.Metadata = [:]
    for member in object.members where !["level", "time", "msg", "scope"].contains(member.key) {
      fields[member.key] = .string(member.value.string ?? member.value.text())
    }
    self.fields = fields
  }

  private static let levels: [String: Logger.Level] = [
    "debug": .debug, "info": .info, "warn": .warning, "error": .error,
  ]
}
