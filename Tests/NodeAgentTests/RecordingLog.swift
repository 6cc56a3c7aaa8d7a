import Logging
import TestKit

/// Remembers what is logged.
final class RecordingLog: Sendable {
  private let contents = Recording<String>()

  /// `warning: TEXT`.
  var lines: [String] { contents.all }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(contents: self.contents) }
  }

  private struct Handler: LogHandler {
    let contents: Recording<String>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { contents.append("\(event.level): \(event.message)") }
  }
}
