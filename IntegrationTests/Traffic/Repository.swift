import JSON
import System

/// A JSON file under `fixtures`.
func fixture(_ path: String, file: String = #filePath) throws -> JSONValue {
  let root = file.split(separator: "/").dropLast(3).joined(separator: "/")
  return try JSONValue(parsing: try readFile("/\(root)/fixtures/\(path)", limit: 1 << 20))
}
