import CNI
import JSON

extension Catalogue {
  /// VERSION, the choice of a version, and what results look like in each.
  static let versionCases = (versionVerbCases + resultVersionCases + acrossVersionsCases).sorted { $0.id < $1.id }

  /// The verb VERSION, and versions in which a plugin does not serve.
  private static let versionVerbCases: [ConformanceCase] = [
    ConformanceCase(
      "VER-01", .must, .all, in: .from0_2, [.version, .versionSuccess],
      stimulus: "VERSION with CNI_COMMAND as the only CNI variable",
      expectation: "exit status 0, and one object with cniVersion and a list of distinct versions"
    ) { lab in
      var call = lab.versionCall()
      for key in call.environment.keys where key.hasPrefix("CNI_") && key != "CNI_COMMAND" {
        call.environment[key] = nil
      }
      try lab.node().run(call).supportedVersions()
    },
    ConformanceCase(
      "VER-02", .should, .all, in: .from1_0, [.versionSuccess],
      stimulus: "VERSION with cniVersion 0.2.0, 0.4.0, 1.0.0 and 1.1.0",
      expectation: "the reply has the cniVersion of the request"
    ) { lab in
      let node = try lab.node()
      var others: [String] = []
      for asked in ["0.2.0", "0.4.0", "1.0.0", "1.1.0"] {
        let answered = try node.run(lab.versionCall(asked)).result()["cniVersion"]
        if answered != .string(asked) { others.append("\(answered?.text() ?? "none") for \(asked)") }
      }
      try expect(others.isEmpty, "cniVersion of the reply: \(others.joined(separator: ", "))")
    },
    ConformanceCase(
      "VER-03", .should, .all, in: .from0_2, [.version, .library],
      stimulus: "VERSION with standard input empty, closed, not JSON, or never coming to its end",
      expectation: "an answer at once"
    ) { lab in
      let node = try lab.node()
      try node.tool("mkfifo /run/endless")
      let inputs: [(input: String, redirection: String?)] = [
        ("", nil), ("hello", nil), ("", "<&-"), ("", "<>/run/endless"),
      ]
      for (input, redirection) in inputs {
        var call = lab.versionCall()
        call.input = Array(input.utf8)
        call.launcher = redirection.map { ["/bin/sh", "-c", "exec \"$0\" \($0)"] } ?? []
        call.timeLimit = .seconds(5)
        try node.run(call).supportedVersions()
      }
    },
    ConformanceCase(
      "VER-04", .must, .all, in: .from0_2, [.library],
      stimulus: "VERSION as libcni probes: all variables set, some to the word dummy",
      expectation: "exit status 0, and one object with cniVersion and a list of distinct versions"
    ) { lab in
      var call = lab.versionCall()
      for key in ["CNI_NETNS", "CNI_IFNAME", "CNI_PATH"] { call.environment[key] = "dummy" }
      for key in ["CNI_CONTAINERID", "CNI_ARGS"] { call.environment[key] = "" }
      try lab.node().run(call).supportedVersions()
    },
    ConformanceCase(
      "VER-05", .should, .all, in: .from0_2, [.version],
      stimulus: "VERSION as a user without any privilege",
      expectation: "exit status 0, one object with cniVersion and a list of distinct versions, and nothing changed"
    ) { lab in
      let node = try lab.node()
      let call = try node.unprivileged(lab.versionCall())
      let baseline = try node.state()
      try node.run(call).supportedVersions()
      try node.expectUnchanged(since: baseline)
    },
    ConformanceCase(
      "VER-07", .must, .all, [.version0_4, .error],
      stimulus: "ADD in every version that the plugin does not list, and in 9.0.0",
      expectation: "error 1, and no trace"
    ) { lab in
      let node = try lab.node()
      let listed = try node.run(lab.versionCall()).supportedVersions()
      let container = try node.container()
      let baseline = try node.state()
      var calls = try SpecVersion.allSupported.filter { !listed.contains($0.rawValue) }
        .map { try container.call(.ADD, in: $0) }
      var future = try container.call(.ADD, in: .newest)
      future.configuration["cniVersion"] = "9.0.0"
      if future.configuration["prevResult"] != nil { future.configuration.label("prevResult", "9.0.0") }
      calls.append(future)
      for call in calls {
        try node.run(call).cleanError([1])
        try node.expectNoTrace(since: baseline)
      }
    },
    ConformanceCase(
      "VER-13", .should, .all, [.library],
      stimulus: "CHECK in each listed version below 0.4.0, GC and STATUS in each below 1.1.0",
      expectation: "error 1, or 4 for a verb that the plugin does not know"
    ) { lab in
      let versions = lab.subject.versions.filter { $0 < .v1_1_0 }
      guard !versions.isEmpty else { throw Inapplicable("the plugin lists no version below 1.1.0") }
      let node = try lab.node()
      for version in versions {
        let container = try node.container()
        if version < .v0_4_0 {
          let result = try container.add(in: version)
          try node.run(container.call(.CHECK, in: version, result: result)).cleanError([1, 4])
        }
        for verb in [Command.GC, .STATUS] {
          var call = try container.call(verb, in: version)
          // An empty id, as libcni sends it, is what plugins complain about that do not know the verb.
          for key in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] {
            call.environment[key] = try container.call(.ADD).environment[key]
          }
          try node.run(call).cleanError([1, 4])
        }
      }
    },
  ]
}

extension Lab {
  fileprivate func versionCall(_ version: String = "1.0.0") -> Call {
    var call = Call(.VERSION, to: subject, in: .v1_0_0)
    call.configuration["cniVersion"] = .string(version)
    return call
  }
}

extension JSONObject {
  /// Sets the version of a result inside of this object.
  fileprivate mutating func label(_ key: String, _ version: String) {
    guard var result = self[key]?.object else { return }
    result["cniVersion"] = .string(version)
    self[key] = .object(result)
  }
}

extension Reply {
  /// Success of VERSION: one object with its own version and a list of versions.
  ///
  /// - Returns: The list.
  @discardableResult
  fileprivate func supportedVersions() throws -> [String] {
    let reply = try result()
    try expect(reply["cniVersion"]?.string.map(isVersion) == true, "no version in cniVersion: \(description)")
    guard let list = reply["supportedVersions"]?.array, !list.isEmpty else {
      throw Discrepancy("no list in supportedVersions: \(description)")
    }
    let versions = list.compactMap(\.string)
    try expect(
      versions.count == list.count && versions.allSatisfy(isVersion), "not only versions in \(description)")
    try expect(Set(versions).count == versions.count, "a version is listed twice in \(description)")
    return versions
  }
}

/// Source: Semantic Versioning 2.0.0, without its rules for what follows a hyphen or a plus.
private func isVersion(_ text: String) -> Bool {
  text.wholeMatch(of: /(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)([-+][0-9A-Za-z.+-]+)?/) != nil
}
