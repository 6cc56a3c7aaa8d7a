package import JSON
import System

/// Where something in this repository is.
package func repositoryPath(_ path: String) -> String {
  "/\(#filePath.split(separator: "/").dropLast(3).joined(separator: "/"))/\(path)"
}

/// Where a file under `fixtures` is.
package func fixturePath(_ path: String) -> String { repositoryPath("fixtures/\(path)") }

/// A JSON file under `fixtures`.
///
/// - Throws: `SystemError` if it cannot be read, `JSONError` if it is none.
package func fixture(_ path: String) throws -> JSONValue {
  try JSONValue(parsing: try readFile(fixturePath(path), limit: 1 << 20))
}
