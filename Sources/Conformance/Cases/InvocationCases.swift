import CNI
import JSON
import System

extension Catalogue {
  /// The contract of a process: arguments, exit status, what goes to which stream.
  static let invocationCases: [ConformanceCase] =
    streamCases + variableCases + attachmentNameCases + namespacePathCases

  /// Verbs, exit status, and what may be on standard output.
  private static let streamCases: [ConformanceCase] = [
    ConformanceCase(
      "INV-01", .must, .all, [.addSuccess],
      stimulus: "ADD with a valid configuration",
      expectation: "exit status 0, and one JSON object on standard output with only white space around it"
    ) { lab in
      try lab.container().add()
    },
    ConformanceCase(
      "INV-02", .should, .all, [.garbageCollection, .check, .version0_4],
      stimulus: "after ADD: CHECK, STATUS, GC that lists the attachment, and DEL",
      expectation: "exit status 0, and nothing on standard output"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      for verb in [Command.CHECK, .STATUS, .GC, .DEL] where lab.version >= verb.introduced {
        try container.run(verb, result: result).succeedSilently()
      }
    },
    ConformanceCase(
      "INV-03", .must, .all, [.executionErrors],
      stimulus: "a good request for each verb, and one whose standard input is no JSON",
      expectation: "exit status 0 if and only if it succeeded: never together with an error object",
      judge: judgeExitStatus),
    ConformanceCase(
      "INV-04", .should, .all, [.error],
      stimulus: "each verb with a cut configuration on standard input",
      expectation: "a clean error on standard output; DEL may succeed"
    ) { lab in
      let container = try lab.container()
      for verb in [Command.ADD, .CHECK, .STATUS, .GC, .DEL] where lab.version >= verb.introduced {
        let reply = try container.run(verb, input: brokenInput)
        if verb == .DEL { try reply.succeedOrFailCleanly() } else { try reply.cleanError() }
      }
    },
    ConformanceCase(
      "INV-05", .convention, .all, [.error],
      stimulus: "ADD with an empty network name",
      expectation: "the error object has a cniVersion, the one of the request"
    ) { lab in
      let container = try lab.container()
      var call = try container.call(.ADD)
      call.configuration["name"] = ""
      let reply = try container.node.run(call)
      let label = try reply.cleanError().object["cniVersion"]?.string
      try expect(label == lab.version.rawValue, reply.description)
    },
    ConformanceCase(
      "INV-06", .must, .all, [.error],
      stimulus: "every failure of the run, and some more",
      expectation: "each error code is 1 to 7, 11, 50, 51, or 100 and above; 8 is tolerated, 0 is not",
      judge: judgeErrorCodes),
    ConformanceCase(
      "INV-07", .must, .all, [.error, .addSuccess],
      stimulus: """
        ADDs that fail late: on read-only data, for a namespace that is gone, for an interface in use or lost, without tools, with a delegate that \
        fails after its answer or hands out what cannot be set, and for the node's own namespace
        """,
      expectation: "standard output holds a result or an error, never both",
      judge: judgeLateFailures),
    ConformanceCase(
      "INV-08", .must, .all, [.error],
      stimulus: "each verb with the most verbose logging, and with a delegate that writes 1 MiB to standard error",
      expectation: "standard output holds what the protocol says and nothing else, and nothing hangs",
      judge: judgeVerboseLogging),
    ConformanceCase(
      "INV-09", .convention, .all, [.library],
      stimulus: "no CNI_COMMAND: once in a request for ADD, once as people run it by hand",
      expectation: "nothing on standard output, or a clean error with code 4; nothing changes"
    ) { lab in
      let container = try lab.container()
      let baseline = try container.node.state()
      var request = try container.call(.ADD)
      request.environment["CNI_COMMAND"] = nil
      var bare = request
      bare.environment = ["PATH": Call.searchPath, "HOME": "/root"]
      bare.input = []
      for call in [request, bare] {
        let reply = try container.node.run(call)
        if case .exited(0...127) = reply.status, reply.output.isEmpty, !reply.timedOut { continue }
        try reply.cleanError(lab.codes(4))
      }
      try container.node.expectUnchanged(since: baseline)
    },
    ConformanceCase(
      "INV-10", .should, .all, [.parameters, .error],
      stimulus: "the verbs FOO and add",
      expectation: "a clean error with code 4, and no trace"
    ) { lab in
      try lab.container().expectRefusals(of: ["FOO", "add"], codes: lab.codes(4)) { (verb: String, call) in
        call.environment["CNI_COMMAND"] = verb
      }
    },
  ]

  private static let brokenInput = Array(#"{"cniVersion":"#.utf8)

  private static func judgeExitStatus(_ lab: Lab) throws {
    let container = try lab.container()
    let result = try container.add()
    try expect(
      result["code"] == nil, "ADD printed an error object and exited with status 0: \(JSONValue.object(result))")
    for verb in [Command.ADD, .CHECK, .STATUS, .GC] where lab.version >= verb.introduced {
      let reply = try container.run(verb, input: brokenInput)
      try expect(reply.status != .exited(0), "for input that is no JSON, \(reply.description)")
    }
    for verb in [Command.CHECK, .STATUS, .GC] where lab.version >= verb.introduced {
      try container.run(verb, result: result).expectHonestStatus()
    }
    try container.run(.DEL, input: brokenInput).expectHonestStatus()
    try container.run(.DEL, result: result).succeed().expectHonestStatus()
    if lab.version >= Command.VERSION.introduced {
      try container.run(.VERSION).succeed().expectHonestStatus()
    }
  }
}

extension Container {
  /// A call of this container as it should be, but for an input in place of the configuration.
  fileprivate func run(_ verb: Command, result: JSONObject? = nil, input: [UInt8]? = nil) throws -> Reply {
    var call = try call(verb, result: result, configuration: verb == .GC ? asOnlyValidAttachment : [:])
    call.input = input
    return try node.run(call)
  }
}

extension Reply {
  /// Checks that it exits with status 0 if it says no error, and with another one if it does.
  fileprivate func expectHonestStatus() throws {
    let saysError = (documents ?? []).contains { $0["code"] != nil }
    try expect(!timedOut && (status == .exited(0)) != saysError, description)
  }
}
