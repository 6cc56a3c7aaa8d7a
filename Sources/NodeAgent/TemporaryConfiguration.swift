import System

/// A file of the folder of configurations that is complete and has not taken its name yet, or that had one and has lost it.
///
/// Its name, `.NAME.DIGEST`, tells what is to be, or was, put in the place of the file called NAME. So after a crash it can
/// be told what that file was displaced by; see ``LeftoverRecovery``.
struct TemporaryConfiguration: Equatable {
  /// The name of the file whose place it is to take.
  let name: String
  /// The digest of the content that takes the place.
  let digest: UInt64

  /// The one for `content`, which is to take the place of the file called `name`.
  init(for name: String, content: [UInt8]) {
    self.name = name
    digest = Self.digest(of: content)
  }

  /// The one that is called `fileName`; nil if that is no such name.
  init?(fileName: String) {
    guard fileName.hasPrefix("."), let dot = fileName.utf8.dropFirst().lastIndex(of: UInt8(ascii: ".")) else {
      return nil
    }
    let digits = fileName[fileName.index(after: dot)...]
    guard digits.utf8.count == 13, let digest = UInt64(digits, radix: 36) else { return nil }
    name = String(fileName[..<dot].dropFirst())
    self.digest = digest
  }

  func path(in folder: String) -> String { temporaryPath(for: "\(folder)/\(name)", number: digest) }

  /// FNV-1a of 64 bits: nobody gains by two contents of the same digest.
  static func digest(of bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}
