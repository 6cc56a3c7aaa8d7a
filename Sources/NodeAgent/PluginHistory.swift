package import CNI
package import JSON
package import System

/// The plugin's last invocations on this node, as a ring of two files: when the younger is full it takes the older's
/// place.
///
/// Source of the records: `InvocationRecord` of the plugin, one line of JSON each.
package struct PluginHistory: Sendable {
  private let file: String
  private let older: String
  /// Bytes of one of the two files: a thousand records, more or less.
  private let capacity: Int

  package init(_ runDirectory: RunDirectory, capacity: Int = 512 << 10) {
    file = runDirectory.history
    older = "\(file).1"
    self.capacity = capacity
  }

  /// Adds a record.
  ///
  /// - Parameter line: JSON, with or without the end of the line.
  package func append(_ line: [UInt8]) throws(SystemError) {
    let end = UInt8(ascii: "\n")
    try appendToFile(line.last == end ? line : line + [end], at: file, mode: 0o600)
    if try FileIdentity(of: file).size >= capacity { try renameFile(file, to: older) }
  }

  /// The records, the oldest first. What a writer that was killed has left unfinished is passed over.
  package func records() throws(SystemError) -> [JSONValue] {
    var records: [JSONValue] = []
    for path in [older, file] { records += try lines(of: path).compactMap { try? JSONValue(parsing: $0) } }
    return records
  }

  private func lines(of path: String) throws(SystemError) -> [[UInt8]] {
    guard try exists(path) else { return [] }
    return try readFile(path, limit: capacity + (1 << 20)).split(separator: UInt8(ascii: "\n")).map { Array($0) }
  }
}
