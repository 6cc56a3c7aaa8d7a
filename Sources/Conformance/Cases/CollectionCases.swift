import CNI
import JSON
import System

extension Catalogue {
  /// GC: what belongs to no valid attachment goes, and nothing else.
  static let collectionCases: [ConformanceCase] =
    [
      ConformanceCase(
        "GC-01", .must, .all, in: .only1_1, [.garbageCollection],
        stimulus: "GC with a list that holds the only attachment",
        expectation: "exit status 0, nothing on standard output, and everything as it was"
      ) { lab in
        let container = try lab.container()
        try container.add()
        let node = container.node
        let baseline = try node.state()
        try node.run(node.collection(keeping: [container])).succeedSilently()
        try node.expectUnchanged(since: baseline)
      },
      ConformanceCase(
        "GC-02", .unmetShould, .all, in: .only1_1, [.garbageCollection],
        stimulus: "GC with an empty list after an attachment whose namespace is gone",
        expectation: "exit status 0, nothing on standard output, and no trace"
      ) { lab in
        let node = try lab.node()
        let other = try node.container()
        try other.delete(result: other.add())
        let baseline = try node.state()
        try node.staleAttachment()
        try node.run(node.collection(keeping: [])).succeedSilently()
        try node.expectNoTrace(since: baseline)
      },
      ConformanceCase(
        "GC-03", .unmetMust, [.main], in: .only1_1, [.garbageCollection, .delegatedExecution],
        stimulus: "GC with a stub as delegate, which then fails with code 151",
        expectation: "the delegate gets GC with the same standard input, byte for byte, and its error comes back"
      ) { lab in
        let node = try lab.node()
        let container = try node.container()
        let stub = try StubDelegate(on: node)
        let change = try lab.delegating(to: stub)
        try node.run(container.call(.ADD, configuration: change).delegating(to: stub)).succeed()
        var call = node.collection(keeping: [container]).delegating(to: stub)
        call.configuration = call.configuration.patched(with: change)
        try node.run(call).succeedSilently()
        let seen = try stub.calls().filter { $0.verb == "GC" }
        try expect(seen.count == 1, "the delegate got GC \(seen.count) times")
        try expect(
          seen[0].input == call.standardInput,
          "the delegate's standard input: \(String(decoding: seen[0].input.prefix(300), as: UTF8.self))")
        try stub.fail(.GC, code: 151)
        try node.run(call).cleanError([151])
      },
      ConformanceCase(
        "GC-04", .convention, .all, in: .only1_1, [.garbageCollection],
        stimulus: "GC without a list, and with one that is a string, an object, null, or holds numbers or numeric ids",
        expectation: "each time nothing is deleted, and there is success or a clean error 6 or 7"
      ) { lab in
        let container = try lab.container()
        try container.add()
        let node = container.node
        let baseline = try node.state()
        let lists: [(name: String, list: JSONValue?)] = [
          ("no list", nil), ("a string", "all"), ("an object", [:]), ("numbers", [1, 2]),
          ("a numeric id", [["containerID": 7, "ifname": .string(lab.manifest.interface)]]), ("null", .null),
        ]
        for (name, list) in lists {
          var call = node.collection(keeping: [], under: [])
          call.configuration[AttachmentListKey.current] = list
          let reply = try node.run(call)
          try attempt(name) {
            try reply.succeedOrFailCleanly([6, 7])
            try node.expectUnchanged(since: baseline)
          }
        }
      },
      ConformanceCase(
        "GC-05", .must, .all, in: .only1_1, [.garbageCollection],
        stimulus: "GC without CNI_PATH, which it requires unlike other verbs",
        expectation: "a clean error 4 that names the variable"
      ) { lab in
        let node = try lab.node()
        var call = node.collection(keeping: [])
        call.environment["CNI_PATH"] = nil
        try node.run(call).cleanError([4], mentioning: ["CNI_PATH"])
      },
      ConformanceCase(
        "GC-06", .convention, .all, in: .only1_1, [.garbageCollection],
        stimulus: "GC with a list under the old key only, and then under both, with a valid attachment and a stale one",
        expectation: "the valid one stays, and the second GC finds nothing more to do"
      ) { lab in
        let node = try lab.node()
        let valid = try node.container()
        try valid.add()
        let baseline = try node.state()
        try node.staleAttachment()
        try node.run(node.collection(keeping: [valid], under: [AttachmentListKey.old])).succeedSilently()
        try node.expectIntact(since: baseline)
        // The kernel takes down in the background what a namespace leaves behind.
        try node.settle()
        let after = try node.state()
        try node.run(node.collection(keeping: [valid])).succeedSilently()
        try node.expectUnchanged(since: after)
      },
      ConformanceCase(
        "GC-07", .must, .all, in: .only1_1, [.garbageCollection],
        stimulus: "GC with an empty list for one of two networks that a container is attached to",
        expectation: "the attachment to the other network is intact, and its CHECK succeeds"
      ) { lab in
        try lab.requireOwnInterface()
        let container = try lab.container()
        let node = container.node
        let other: JSONObject = (lab.manifest.otherNetwork ?? [:]).patched(with: ["name": "conformance-other"])
        let result = try container.add(configuration: other)
        let baseline = try node.state()
        _ = try container.addSecond("net1")
        try node.run(node.collection(keeping: [])).succeedSilently()
        try node.expectIntact(since: baseline)
        try container.check(result: result, configuration: other)
      },
      ConformanceCase(
        "GC-08", .must, .all, in: .only1_1, [.garbageCollection],
        stimulus: "GC with one of two interfaces of a container in the list, and then with none",
        expectation: "the listed one is intact, its CHECK succeeds, and the other one does not wait for it to go, too",
        judge: judgePairs
      ),
    ] + collectionTroubleCases
}

private func judgePairs(_ lab: Lab) throws {
  try lab.requireOwnInterface()
  let container = try lab.container()
  let node = container.node
  let result = try container.add()
  let baseline = try node.state()
  _ = try container.addSecond("net1")
  try node.run(node.collection(keeping: [container])).succeedSilently()
  try node.expectIntact(since: baseline)
  try container.check(result: result)
  let rest = try node.additions(since: baseline)
  try node.run(node.collection(keeping: [])).succeedSilently()
  let finalRest = try node.additions(since: baseline)
  let late = rest.filter { !finalRest.contains($0) }
  try expect(late.isEmpty, "of the interface that is not listed this goes with the other one only: \(late.prefix(8))")
}

extension LabNode {
  /// What is here and was not at `baseline`, but for what attachments share.
  fileprivate func additions(since baseline: State) throws -> [String] {
    try traces(since: baseline).filter { $0.hasPrefix("+") }
  }
}
