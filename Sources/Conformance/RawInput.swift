import JSON

extension Call {
  /// Puts a member at the end of the configuration as it is written here, valid or not: `"key": value`.
  mutating func append(rawMember: [UInt8]) {
    input = standardInput.dropLast() + [UInt8(ascii: ",")] + rawMember + [UInt8(ascii: "}")]
  }

  /// As above, at the beginning.
  mutating func prepend(rawMember: [UInt8]) {
    input = [UInt8(ascii: "{")] + rawMember + [UInt8(ascii: ",")] + standardInput.dropFirst()
  }
}

extension RunningCall {
  /// Writes input in small pieces with a pause after each; the end stays open.
  mutating func send(inPiecesOf size: Int, of count: Int, every pause: Duration, in lab: Lab) throws {
    for _ in 0..<(count + size - 1) / size {
      // Nobody can write to a plugin that reads no more; its reply says why.
      guard (try? send(size)) != nil else { return }
      lab.pause(pause)
    }
  }
}
