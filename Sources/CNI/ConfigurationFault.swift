package import JSON

/// Why a network configuration file cannot be worked with, where, and what to do.
///
/// The file's path is the reader's to add.
package struct ConfigurationFault: Error, Equatable, Sendable {
  /// The kind of a fault; new ones may be added.
  package struct Code: Hashable, Sendable {
    private let name: String

    private init(_ name: String) {
      self.name = name
    }

    /// Nothing but white space, or no byte at all.
    package static let empty = Code("empty")
    /// Not JSON, or JSON that two readers could understand differently.
    package static let json = Code("json")
    /// A key that must be there and is not.
    package static let missingKey = Code("missingKey")
    /// A value that its key does not allow.
    package static let wrongValue = Code("wrongValue")
    /// A list that names no plugins of its own, though its folder may hold some.
    package static let noInlinePlugins = Code("noInlinePlugins")
    /// No plugin but the one that is to be put in or taken out.
    package static let noOtherPlugin = Code("noOtherPlugin")
  }

  /// The kind of the fault.
  package let code: Code

  /// Where the fault is.
  package let position: TextPosition

  /// What is wrong.
  package let problem: String

  /// What to do about it.
  package let remedy: String

  /// Whether a runtime may load the file all the same, and then looks at no file behind it. So who passes over this
  /// one edits a file that is not in use. Of the others, CRI-O passes over them, and containerd stops at the first.
  ///
  /// Source: `loadFromConfDir` of containerd/go-cni, `loadNetworks` of cri-o/ocicni.
  package let isLoadable: Bool

  init(
    _ code: Code, _ problem: String, remedy: String, isLoadable: Bool = false, at offset: Int, of bytes: [UInt8]
  ) {
    self.code = code
    self.problem = problem
    self.remedy = remedy
    self.isLoadable = isLoadable
    position = TextPosition(of: offset, in: bytes)
  }

  /// A text that this module's JSON parser refuses.
  init(_ error: JSONError) {
    code = .json
    position = error.position
    problem = error.problem
    // Go's decoder lets the last key win, puts U+FFFD for what is no Unicode, and follows 10,000 levels.
    isLoadable = [.duplicateKey, .invalidUTF8, .loneSurrogate, .tooDeep].contains(error.code)
    remedy =
      switch error.code {
      case .duplicateKey: "remove one of them; runtimes read the last"
      case .trailingBytes: "remove what follows the last brace"
      default: "correct the file, or let the CNI plugin that owns it write it anew"
      }
  }
}

extension ConfigurationFault: CustomStringConvertible {
  package var description: String { "\(position): \(problem); \(remedy)" }
}
