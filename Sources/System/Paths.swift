/// The folder that a path is in.
package func folder(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The last part of a path.
package func fileName(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
  return String(path[path.index(after: slash)...])
}

/// A name beside `path` for what is to take its name: `.NAME.LETTERS`.
///
/// It starts with a dot and ends in 13 letters and digits, so that nobody who looks for files by their suffix takes it
/// for a finished one.
///
/// - Parameter number: What the letters and digits spell.
package func temporaryPath(
  for path: String, number: UInt64 = UInt64.random(in: 0...UInt64.max)
) -> String {
  let digits = String(number, radix: 36)
  return "\(folder(of: path))/.\(fileName(of: path)).\(String(repeating: "0", count: 13 - digits.utf8.count))\(digits)"
}
