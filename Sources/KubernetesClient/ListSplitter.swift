/// Takes a list apart while it arrives, so that of many objects only one at a time is in memory as text.
///
/// The answer to a list is one JSON object with the objects in its member `items`. This finds where each of them ends;
/// whether they are JSON is for the parser to say.
struct ListSplitter {
  /// The list is longer than it may be.
  struct TooLong: Error {}

  /// An object of etcd's default limit (1.5 MiB) fits several times.
  private static let itemLimit = 8 << 20
  private static let envelopeLimit = 1 << 20

  /// Everything outside of `items`.
  private(set) var envelope: [UInt8] = []
  private var item: [UInt8] = []
  private var depth = 0
  private var isInItems = false
  private var isInString = false
  private var isEscaped = false
  /// The last string outside of items, and whether a colon has made it a key.
  private var string: [UInt8] = []
  private var isKey = false

  /// Takes the next bytes.
  ///
  /// - Returns: the items that end in them.
  mutating func take(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [[UInt8]] {
    var finished: [[UInt8]] = []
    for byte in bytes {
      if isInItems {
        if takeInItems(byte) {
          finished.append(item)
          item = []
        }
        if item.count > Self.itemLimit { throw TooLong() }
      } else {
        takeInEnvelope(byte)
        if envelope.count > Self.envelopeLimit { throw TooLong() }
      }
    }
    return finished
  }

  /// - Returns: whether the byte ends an item.
  private mutating func takeInItems(_ byte: UInt8) -> Bool {
    if isInString {
      takeInString(byte)
      item.append(byte)
      return false
    }
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
      // Between items, or between the tokens of one.
      if !item.isEmpty { item.append(byte) }
      return false
    case UInt8(ascii: "]") where depth == 2:
      isInItems = false
      takeInEnvelope(byte)
      return false
    default: break
    }
    item.append(byte)
    switch byte {
    case UInt8(ascii: "\""): isInString = true
    case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
      return depth == 2
    default: break
    }
    return false
  }

  private mutating func takeInEnvelope(_ byte: UInt8) {
    envelope.append(byte)
    if isInString {
      takeInString(byte)
      if isInString { string.append(byte) }
      return
    }
    switch byte {
    case UInt8(ascii: "\""):
      isInString = true
      isKey = false
      string = []
    case UInt8(ascii: ":"):
      isKey = true
    case UInt8(ascii: "["):
      depth += 1
      isInItems = depth == 2 && isKey && string.elementsEqual("items".utf8)
      isKey = false
    case UInt8(ascii: "{"):
      depth += 1
      isKey = false
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
    default: break
    }
  }

  private mutating func takeInString(_ byte: UInt8) {
    if isEscaped {
      isEscaped = false
    } else if byte == UInt8(ascii: "\\") {
      isEscaped = true
    } else if byte == UInt8(ascii: "\"") {
      isInString = false
    }
  }
}

/// Takes a watch apart: one JSON object a line.
struct LineSplitter {
  /// As an item of a list, with what stands around it.
  private static let lineLimit = 8 << 20

  private var line: [UInt8] = []

  /// Takes the next bytes.
  ///
  /// - Returns: the lines that end in them.
  mutating func take(_ bytes: some Collection<UInt8>) throws(ListSplitter.TooLong) -> [[UInt8]] {
    var finished: [[UInt8]] = []
    let parts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      line += part
      if line.count > Self.lineLimit { throw ListSplitter.TooLong() }
      guard index < parts.count - 1 else { continue }
      if !line.isEmpty { finished.append(line) }
      line = []
    }
    return finished
  }
}
