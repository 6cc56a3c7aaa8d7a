package import JSON

extension PluginHistory {
  /// Records for people, a line each.
  package static func text(of records: [JSONValue]) -> String {
    if records.isEmpty { return "No invocation is on record.\n" }
    let title = ["TIME", "COMMAND", "POD", "RESULT", "WHY", "FACTS", "MS"]
    return ([title] + records.map(row)).aligned.map { "\($0)\n" }.joined()
  }

  private static func row(_ record: JSONValue) -> [String] {
    let text = { (key: String) in record[key]?.string ?? "" }
    let code = record["code"]?.int
    return [
      text("time"), text("command"), text("pod"), code.map { "error \($0)" } ?? text("decision"),
      code == nil ? text("reason") : text("error"), text("facts"),
      record["duration_us"]?.int.map { "\($0 / 1000).\($0 / 100 % 10)" } ?? "",
    ]
  }
}
