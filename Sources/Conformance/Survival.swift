extension LabNode {
  /// Checks that nothing is lost of what was there at `baseline`, whatever has come since, but for what the manifest
  /// says that attachments share. Waits a moment, for the kernel tidies up in the background.
  func expectIntact(since baseline: State) throws {
    var lost: [String] = []
    _ = try lab.eventually(within: .seconds(1)) {
      lost = try traces(since: baseline).filter { $0.hasPrefix("-") }
      return lost.isEmpty
    }
    try expect(lost.isEmpty, "lost with another attachment: \(lost.prefix(8).joined(separator: "; "))")
  }
}
