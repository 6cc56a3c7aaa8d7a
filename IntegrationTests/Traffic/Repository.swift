import JSON
import System

/// Where something in this repository is.
func repositoryPath(_ path: String, file: String = #filePath) -> String {
  "/\(file.split(separator: "/").dropLast(3).joined(separator: "/"))/\(path)"
}

/// Where a file under `fixtures` is.
func fixturePath(_ path: String) -> String { repositoryPath("fixtures/\(path)") }

/// A JSON file under `fixtures`.
func fixture(_ path: String) throws -> JSONValue {
  try JSONValue(parsing: try readFile(fixturePath(path), limit: 1 << 20))
}
