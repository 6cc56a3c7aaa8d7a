package import JSON
import System

extension NodeStatus {
  /// The status for programs.
  package var json: JSONValue {
    [
      "asWanted": .bool(isAsWanted),
      "version": .string(ProgramVersion.text),
      "binaries": .array(
        found.binaries.sorted { $0.key < $1.key }.map { path, binary in
          ["path": .string(path), "state": .string(binary.word), "detail": .string(binary.text)]
        }),
      "kubeconfig": kubeconfig.json,
      "configuration": configurationJSON,
      "originals": .array(originals.map { .string($0) }),
      "journal": [
        "leaving": .bool(found.journal.isLeaving), "marks": .array(found.journal.marks.map { .string($0.text) }),
      ],
      "settings": .array(Setting.all.compactMap { setting in values.value(setting).map { setting.json($0) } }),
      "problem": reading.problem.map { .string($0) } ?? nil,
      "steps": .array((plan?.steps ?? []).map { .string("\($0)") }),
      "obstacles": .array(
        obstacles.map {
          ["code": .string($0.code.name), "problem": .string($0.problem), "remedy": .string($0.remedy)]
        }),
      "warnings": .array(warnings.map { .string($0) }),
    ]
  }

  private var configurationJSON: JSONValue {
    [
      "folder": .string(reading.settings.layout.configurationFolder),
      "leading": leading.map { .string($0.name) } ?? nil,
      "reason": leading.map { .string($0.reason) } ?? nil,
      "files": .array(
        configurations.map { row in
          [
            "name": .string(row.name), "network": row.network.map { .string($0) } ?? nil,
            "plugins": .array(row.pluginTypes.map { .string($0) }),
            "entryPositions": .array(row.positions.map { .number(JSONNumber($0)) }),
            "owner": row.owner.map { .string($0) } ?? nil, "ours": .bool(row.isOurs),
            "fault": row.fault.map { .string($0) } ?? nil,
          ]
        }),
    ]
  }
}

extension NodeStatus.InstalledKubeconfig {
  fileprivate var json: JSONValue {
    [
      "path": .string(path), "state": .string(state.rawValue), "mode": mode.map { .string($0.octal) } ?? nil,
      "server": server.map { .string($0) } ?? nil,
      "tokenExpires": tokenExpiry.map { .string(Timestamp($0).inSeconds) } ?? nil,
      "tokenFile": tokenFile.map { .string($0) } ?? nil, "fault": fault.map { .string($0) } ?? nil,
    ]
  }
}

extension Found.Binary {
  fileprivate var word: String {
    switch self {
    case .same: "asWanted"
    case .missing: "missing"
    case .different: "different"
    case .unreadable: "unreadable"
    }
  }
}

extension Setting {
  fileprivate func json(_ value: (text: String, origin: SettingOrigin)) -> JSONValue {
    let origin =
      switch value.origin {
      case .flag: "flag"
      case .configMap: "configMap"
      case .environment: "environment"
      case .standard: "default"
      }
    return ["key": .string(key), "value": .string(value.text), "origin": .string(origin)]
  }
}
