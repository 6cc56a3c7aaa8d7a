/// Asks again until it is so.
///
/// - Parameter limit: Long, for other tests may keep all threads busy: it ends what would never end.
/// - Throws: ``NotInTime``; and what `claim` throws.
package func eventually(
  within limit: Duration = .seconds(60), fileID: String = #fileID, line: Int = #line, _ claim: () throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + limit
  while try !claim() {
    guard ContinuousClock.now < deadline else {
      throw NotInTime(description: "not so within \(limit): what is asked for at \(fileID):\(line)")
    }
    try await Task.sleep(for: .milliseconds(2))
  }
}

/// What a test waited for did not come.
package struct NotInTime: Error, CustomStringConvertible {
  package let description: String
}
