/// Something that happened in a folder that is watched.
package struct FolderEvent: Sendable, Hashable {
  package enum Change: Sendable, Hashable {
    case created
    /// Bytes were written or cut off, or a writer has closed the file.
    case written
    case movedIn
    case movedOut
    case deleted
    /// Mode, owner, times or number of links.
    case attributes
    /// The folder itself is no longer there, or no longer at its path.
    case folderGone
    /// Events were lost: anything may have changed, in any folder.
    case overflow
  }

  /// The folder, as it was named when it was armed; nil for ``Change/overflow``.
  package let folder: String?
  /// The name in the folder; nil if it is about the folder itself.
  package let name: String?
  package let change: Change

  package init(folder: String?, name: String?, change: Change) {
    self.folder = folder
    self.name = name
    self.change = change
  }
}
