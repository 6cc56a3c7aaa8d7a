import CNI
import JSON
import System

extension LabNode {
  /// The files that attachments leave on the node, of which one is made and undone to find out.
  ///
  /// - Throws: `Inapplicable` if there are none.
  func dataFiles() throws -> [String] {
    let container = try container()
    let before = try filePaths()
    let result = try container.add()
    let files = try filePaths().filter { !before.contains($0) }
    try container.delete(result: result)
    guard !files.isEmpty else { throw Inapplicable("the plugin keeps no files on the node") }
    return files
  }

  /// The folders of `dataFiles`.
  func dataFolders() throws -> [String] {
    Set(try dataFiles().map { String($0[..<($0.lastIndex(of: "/") ?? $0.startIndex)]) }).sorted()
  }

  /// Every file below the folders where plugins keep theirs.
  func filePaths() throws -> [String] {
    try (state().sections["files"] ?? []).filter { $0.hasPrefix("file ") }
      .compactMap { line in line.split(separator: " ").dropFirst().first.map { String($0) } }
  }

  /// Makes a folder read-only, whatever the file system is that it is on.
  func makeReadOnly(_ folder: String) throws {
    // Without -n mount writes down in /run what it has done.
    try tool("mount -n --bind '\(folder)' '\(folder)'")
    try tool("mount -n -o remount,bind,ro '\(folder)'")
  }

  /// Undoes `makeReadOnly`.
  func makeWritable(_ folder: String) throws {
    try tool("umount -n '\(folder)'")
  }
}
