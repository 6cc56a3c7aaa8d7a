import JSON
import System

extension ConformanceCase {
  /// The cases that need neither root nor a namespace: how a plugin answers to what it cannot do.
  package static let protocolCases: [ConformanceCase] = [
    ConformanceCase(
      id: "VER-01", requirement: .must, stimulus: "VERSION with CNI_COMMAND only",
      expectation: "exit 0 and one object with cniVersion and supportedVersions"
    ) { (plugin) throws(SystemError) in
      let outcome = try plugin.invoke(["CNI_COMMAND": "VERSION"], #"{"cniVersion":"1.0.0"}"#)
      let reply = try? JSONValue(parsing: outcome.standardOutput)
      let versions = reply?["supportedVersions"]?.array?.compactMap(\.string) ?? []
      return outcome.status == .exited(0) && reply?["cniVersion"]?.string != nil && !versions.isEmpty
        ? .passed : .failed(observed: describe(outcome))
    },
    ConformanceCase(
      id: "VER-04", requirement: .must, stimulus: "VERSION with every path set to 'dummy', as runtimes probe",
      expectation: "exit 0 and one object with supportedVersions"
    ) { (plugin) throws(SystemError) in
      let outcome = try plugin.invoke(
        ["CNI_COMMAND": "VERSION", "CNI_NETNS": "dummy", "CNI_IFNAME": "dummy", "CNI_PATH": "dummy"],
        #"{"cniVersion":"1.0.0"}"#)
      let reply = try? JSONValue(parsing: outcome.standardOutput)
      return outcome.status == .exited(0) && reply?["supportedVersions"]?.array?.isEmpty == false
        ? .passed : .failed(observed: describe(outcome))
    },
    ConformanceCase(
      id: "INV-10", requirement: .should, stimulus: "CNI_COMMAND=FOO", expectation: "a clean error with code 4"
    ) { (plugin) throws(SystemError) in
      try expectError([4], try plugin.invoke(environment("FOO"), configuration))
    },
    ConformanceCase(
      id: "INV-11", requirement: .must, stimulus: "ADD without CNI_CONTAINERID",
      expectation: "a clean error with code 4"
    ) { (plugin) throws(SystemError) in
      var environment = environment("ADD")
      environment["CNI_CONTAINERID"] = nil
      return try expectError([4], try plugin.invoke(environment, configuration))
    },
    ConformanceCase(
      id: "CFG-01", requirement: .should, stimulus: "ADD with empty standard input",
      expectation: "a clean error with code 5 or 6"
    ) { (plugin) throws(SystemError) in
      try expectError([5, 6], try plugin.invoke(environment("ADD"), ""))
    },
    ConformanceCase(
      id: "CFG-02", requirement: .should, stimulus: "ADD with 'hello' on standard input",
      expectation: "a clean error with code 6"
    ) { (plugin) throws(SystemError) in
      try expectError([6], try plugin.invoke(environment("ADD"), "hello"))
    },
    ConformanceCase(
      id: "CFG-15", requirement: .must, stimulus: "ADD with cniVersion 9.9.9",
      expectation: "a clean error with code 1"
    ) { (plugin) throws(SystemError) in
      try expectError([1], try plugin.invoke(environment("ADD"), #"{"cniVersion":"9.9.9","name":"n","type":"t"}"#))
    },
  ]

  private static let configuration = #"{"cniVersion":"1.0.0","name":"conformance","type":"plugin"}"#

  private static func environment(_ command: String) -> [String: String] {
    [
      "CNI_COMMAND": command, "CNI_CONTAINERID": "conformance", "CNI_NETNS": "/nonexistent/netns",
      "CNI_IFNAME": "eth0", "CNI_PATH": "/nonexistent",
    ]
  }

  /// A clean error: an exit status from 1 to 127, and one error object with a code and a message on standard output.
  private static func expectError(
    _ codes: Set<Int>, _ outcome: ChildOutcome
  ) throws(SystemError) -> Finding {
    guard case .exited(1...127) = outcome.status, let object = try? JSONValue(parsing: outcome.standardOutput),
      let code = object["code"]?.int, codes.contains(code), object["msg"]?.string?.isEmpty == false
    else { return .failed(observed: describe(outcome)) }
    return .passed
  }

  private static func describe(_ outcome: ChildOutcome) -> String {
    let output = String(decoding: outcome.standardOutput.prefix(200), as: UTF8.self)
    return "\(outcome.status)\(outcome.timedOut ? " (killed at the time limit)" : ""), standard output: \(output)"
  }
}
