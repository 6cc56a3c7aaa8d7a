import JSON

/// What was done to this node, in order, so that a later start can finish or undo it.
///
/// A mark is written before its effect and removed after its undoing; so what is not marked was not done, and what is
/// marked may not have been.
package struct Journal: Sendable, Equatable {
  /// One thing that was put on the node.
  package enum Mark: Sendable, Hashable {
    case binary(path: String)
    case kubeconfig(path: String)
    /// Our entry in another's file. `original` is the name of what is kept of it: the same, or for a list that was
    /// made of a single plugin that one's; nil if it had an entry of our type before we came.
    case entry(file: String, original: String?)
    /// A file of our own in the folder of configurations.
    case ownFile(name: String)
  }

  /// The first done comes first.
  package var marks: [Mark]
  /// Whether a removal is under way.
  package var isLeaving: Bool

  package init(marks: [Mark] = [], isLeaving: Bool = false) {
    self.marks = marks
    self.isLeaving = isLeaving
  }

  /// Raised whenever an older version would read a journal wrongly.
  private static let version = 1

  /// The journal as JSON, for people too.
  package var text: [UInt8] {
    let value: JSONValue = [
      "version": .number(JSONNumber(Self.version)), "leaving": .bool(isLeaving), "marks": .array(marks.map(\.json)),
    ]
    return value.serialized(.indented(2)) + [UInt8(ascii: "\n")]
  }

  /// Reads what ``text`` gives. Keys that are not known are passed over.
  ///
  /// - Throws: what is wrong. The node is then to be judged by what is on it, as if there were no journal.
  package init(parsing bytes: [UInt8]) throws(JournalFault) {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: bytes)
    } catch {
      throw JournalFault("it is not JSON: \(error)")
    }
    guard let version = value["version"]?.int else { throw JournalFault("key \"version\" is missing") }
    guard version == Self.version else {
      throw JournalFault("it is of version \(version), and this program reads version \(Self.version)")
    }
    guard let isLeaving = value["leaving"]?.bool, let elements = value["marks"]?.array else {
      throw JournalFault("key \"leaving\" or \"marks\" is missing")
    }
    self.isLeaving = isLeaving
    marks = try elements.enumerated().map { (index, element) throws(JournalFault) in
      guard let mark = Mark(json: element) else { throw JournalFault("mark \(index) is of no kind that is known") }
      return mark
    }
  }
}

/// Why a journal cannot be read, as a half sentence.
package struct JournalFault: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) {
    self.description = description
  }

  var warning: String { "the journal cannot be read: \(description); the node is judged by what is on it" }
}

extension Journal.Mark {
  fileprivate var json: JSONValue {
    switch self {
    case .binary(let path): ["binary": .string(path)]
    case .kubeconfig(let path): ["kubeconfig": .string(path)]
    case .entry(let file, let original): ["entry": .string(file), "original": original.map { .string($0) } ?? .null]
    case .ownFile(let name): ["ownFile": .string(name)]
    }
  }

  fileprivate init?(json: JSONValue) {
    if let path = json["binary"]?.string {
      self = .binary(path: path)
    } else if let path = json["kubeconfig"]?.string {
      self = .kubeconfig(path: path)
    } else if let file = json["entry"]?.string {
      self = .entry(file: file, original: json["original"]?.string)
    } else if let name = json["ownFile"]?.string {
      self = .ownFile(name: name)
    } else {
      return nil
    }
  }
}

// MARK: - What steps do to it

extension Journal {
  /// Adds the mark of `step`, which is to be written before its effect.
  package mutating func begin(_ step: Step, in layout: NodeLayout) {
    switch step {
    case .writeBinary(let path): add(.binary(path: path))
    case .writeKubeconfig: add(.kubeconfig(path: layout.kubeconfig))
    case .edit(let file, _):
      if file.isOriginal {
        setEntry(in: file.name, original: file.name)
      } else if !hasEntry(in: file.name) {
        add(.entry(file: file.name, original: nil))
      }
    case .convert(let file, let name, _, _):
      // Another list that was made of it before is another's by now, or this one would not have a new name.
      marks.removeAll { if case .entry(let list, file.name) = $0 { list != name } else { false } }
      setEntry(in: name, original: file.name)
    case .writeOwnFile(let name, _): add(.ownFile(name: name))
    case .removeLeftover, .removeOwnFile, .restore, .restoreConverted, .removeKubeconfig, .removeBinary: break
    }
  }

  /// Removes the mark of what `step` has undone, which is to be written after its effect.
  package mutating func finish(_ step: Step, in layout: NodeLayout) {
    switch step {
    case .removeOwnFile(let file):
      marks.removeAll { $0 == .ownFile(name: file.name) }
      removeEntry(in: file.name)
    case .restore(let file, _), .restoreConverted(let file, _, _): removeEntry(in: file.name)
    case .removeKubeconfig: marks.removeAll { $0 == .kubeconfig(path: layout.kubeconfig) }
    case .removeBinary(let path): marks.removeAll { $0 == .binary(path: path) }
    case .removeLeftover, .writeBinary, .writeKubeconfig, .edit, .convert, .writeOwnFile: break
    }
  }

  /// The name of the original that is kept of `file`.
  func original(of file: String) -> String? {
    for case .entry(file, let original) in marks { return original }
    return nil
  }

  func hasEntry(in file: String) -> Bool {
    marks.contains { if case .entry(file, _) = $0 { true } else { false } }
  }

  private mutating func add(_ mark: Mark) {
    if !marks.contains(mark) { marks.append(mark) }
  }

  private mutating func setEntry(in file: String, original: String) {
    let mark = Mark.entry(file: file, original: original)
    if marks.contains(mark) { return }
    removeEntry(in: file)
    marks.append(mark)
  }

  private mutating func removeEntry(in file: String) {
    marks.removeAll { if case .entry(file, _) = $0 { true } else { false } }
  }
}
