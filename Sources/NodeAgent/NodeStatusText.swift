import System

extension NodeStatus {
  /// The status for people, in lines.
  package var text: String {
    var sections = [headline]
    sections.append(
      section(
        "Plugin, from \(reading.settings.layout.sourceBinary)\(found.source.map { " (\($0))" } ?? "")", binaryRows))
    sections.append(section("Kubeconfig", kubeconfigRows))
    let folder = reading.settings.layout.configurationFolder
    let trouble = found.folderError.map { " (\($0))" } ?? (found.folder == nil ? " (not there)" : "")
    sections.append(section("Network configurations in \(folder)\(trouble)", configurationRows))
    if !originals.isEmpty {
      sections.append(section("Originals kept in \(reading.settings.layout.originals)", originals.map { [$0] }))
    }
    sections.append(section("Journal", journalRows))
    if let problem = reading.problem { sections.append(section("Settings that are not in effect", [[problem]])) }
    if let plan, !plan.steps.isEmpty { sections.append(section("What would change", plan.steps.map { ["\($0)"] })) }
    if !obstacles.isEmpty {
      sections.append(section("What stands in the way", obstacles.map { ["\($0.problem); \($0.remedy)"] }))
    }
    if !warnings.isEmpty { sections.append(section("Warnings", warnings.map { [$0] })) }
    return sections.joined(separator: "\n")
  }

  private var headline: String {
    guard let plan else { return "Not installed as set: it is not known what is wanted.\n" }
    if isAsWanted { return "Installed as set.\n" }
    let reasons = [
      Self.count(plan.steps.count, "change is to be made", "changes are to be made"),
      Self.count(obstacles.count, "thing stands in the way", "things stand in the way"),
      reading.problem == nil ? nil : "settings are not in effect",
    ]
    return "Not installed as set: \(reasons.compactMap(\.self).joined(separator: ", ")).\n"
  }

  private static func count(_ number: Int, _ one: String, _ several: String) -> String? {
    number == 0 ? nil : number == 1 ? "1 \(one)" : "\(number) \(several)"
  }

  private var binaryRows: [[String]] {
    found.binaries.sorted { $0.key < $1.key }.map { [$0, $1.text] }
  }

  private var kubeconfigRows: [[String]] {
    var notes = [kubeconfig.state.text]
    if let mode = kubeconfig.mode { notes.append("mode \(mode.octal)") }
    if let server = kubeconfig.server { notes.append("server \(server)") }
    if let file = kubeconfig.tokenFile { notes.append("token in \(file)") }
    if let expiry = kubeconfig.tokenExpiry {
      notes.append("token \(expiry > now ? "until" : "expired at") \(Timestamp(expiry).inSeconds)")
    }
    if let fault = kubeconfig.fault { notes.append("unusable: \(fault)") }
    return [[kubeconfig.path, notes.joined(separator: ", ")]]
  }

  private var configurationRows: [[String]] {
    let rows = configurations.map { row in
      [
        row.name, leading?.name == row.name ? "leads: \(leading?.reason ?? "")" : "",
        row.fault ?? row.pluginTypes.joined(separator: " > "), "our entry: \(row.entryText)",
        row.isOurs ? "ours" : row.owner ?? "owner unknown",
      ]
    }
    return rows.isEmpty ? [["none"]] : rows
  }

  private var journalRows: [[String]] {
    let rows = found.journal.marks.map { [$0.text] } + (found.journal.isLeaving ? [["leaving"]] : [])
    return rows.isEmpty ? [["empty"]] : rows
  }

  private func section(_ title: String, _ rows: [[String]]) -> String {
    "\(title):\n" + rows.aligned.map { "  \($0)\n" }.joined()
  }
}

extension Found.Binary {
  /// For people.
  var text: String {
    switch self {
    case .same: "as wanted"
    case .missing: "missing"
    case .different: "another"
    case .unreadable(let error): "unreadable: \(error)"
    }
  }
}

extension NodeStatus.InstalledKubeconfig.State {
  fileprivate var text: String {
    switch self {
    case .asWanted: "as wanted"
    case .missing: "missing"
    case .different: "another"
    case .unknown: "it is not known what is wanted"
    }
  }
}

extension Journal.Mark {
  /// For people.
  var text: String {
    switch self {
    case .binary(let path): "binary \(path)"
    case .kubeconfig(let path): "kubeconfig \(path)"
    case .entry(let file, nil): "entry in \(file)"
    case .entry(let file, let original?): "entry in \(file), original \(original)"
    case .ownFile(let name): "own file \(name)"
    }
  }
}

extension UInt32 {
  /// `0600`.
  var octal: String { "0\(String(self, radix: 8))" }
}

extension [[String]] {
  /// A line for each row, in columns.
  var aligned: [String] {
    let widths = (0..<(map(\.count).max() ?? 0)).map { column in
      map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
    }
    return map { row in
      var line = ""
      for (column, cell) in row.enumerated() where widths[column] > 0 {
        let isLast = column == row.count - 1
        line += cell + (isLast ? "" : String(repeating: " ", count: widths[column] - cell.count + 2))
      }
      return line
    }
  }
}
