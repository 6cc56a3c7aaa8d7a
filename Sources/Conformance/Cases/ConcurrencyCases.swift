import CNI
import JSON

extension Catalogue {
  /// Several calls at a time.
  static let concurrencyCases: [ConformanceCase] = [
    ConformanceCase(
      "CON-01", .must, .all, in: .from0_4, [.lifecycle],
      stimulus: "24 ADDs at a time, then 24 CHECKs, then 24 DELs",
      expectation: "all succeed, no address is handed out twice, and nothing is left"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let containers = try (0..<24).map { _ in try node.container() }
      let baseline = try node.state()
      let results = try node.together(containers.map { try $0.call(.ADD) }).map { try $0.result() }
      if !lab.subject.isChained && lab.manifest.createsInterface {
        try expectDistinct(results.flatMap(\.resultAddresses))
      }
      let attachments = zip(containers, results)
      for verb in [Command.CHECK, .DEL] {
        for reply in try node.together(attachments.map { try $0.call(verb, result: $1) }) { try reply.succeed() }
      }
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "CON-02", .convention, .mainAndIPAM, [.add],
      stimulus: "6 ADDs of the same attachment at a time, then one DEL",
      expectation: "one of them succeeds at most, the others are clean errors, and nothing is left"
    ) { lab in
      guard lab.manifest.createsInterface else { throw Inapplicable("the interface is there before any ADD") }
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      let replies = try node.together(Array(repeating: try container.call(.ADD), count: 6))
      let successes = try replies.count { try $0.succeedOrFailCleanly() }
      try expect(successes <= 1, "\(successes) of 6 succeeded")
      try container.delete()
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "CON-03", .convention, .all, [.lifecycle],
      stimulus: "ADD, and at one of 12 points of it a DEL of the same attachment; then a last DEL",
      expectation: "the last DEL succeeds, and nothing is left"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let whole = try node.durationOfAdd()
      let container = try node.container()
      let known = try container.previousResult(in: lab.version)
      let baseline = try node.state()
      for point in 0..<12 {
        var addition = try node.start(container.call(.ADD))
        try addition.finishInput()
        lab.pauseExactly(whole * point / 11)
        try node.run(container.call(.DEL, result: known)).succeedOrFailCleanly()
        try addition.reply().succeedOrFailCleanly()
        try container.delete(result: known)
        try node.expectNoTrace(since: baseline)
      }
    },
    ConformanceCase(
      "CON-04", .must, [.main, .chained], [.lifecycle],
      stimulus: "16 ADDs at a time on a node that has never had one, on 3 nodes",
      expectation: "all succeed"
    ) { lab in
      for _ in 0..<3 {
        let node = try lab.node()
        let containers = try (0..<16).map { _ in try node.container() }
        for reply in try node.together(containers.map { try $0.call(.ADD) }) { _ = try reply.result() }
      }
    },
    ConformanceCase(
      "CON-05", .must, .all, in: .from0_4, [.lifecycle, .check],
      stimulus: "CHECK of an attachment while 8 others come and go",
      expectation: "each CHECK succeeds"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let result = try container.add()
      let others = try (0..<8).map { _ in try node.container() }
      for _ in 0..<3 {
        let check = try container.call(.CHECK, result: result)
        let additions = try node.together(others.map { try $0.call(.ADD) } + [check])
        try additions[8].succeed()
        let results = try additions.dropLast().map { try $0.result() }
        let deletions = try node.together(zip(others, results).map { try $0.call(.DEL, result: $1) } + [check])
        for reply in deletions { try reply.succeed() }
      }
    },
    ConformanceCase(
      "CON-06", .convention, [.main], [.lifecycle],
      stimulus: "the loopback plugin and ADD at a time in one container, 6 times",
      expectation: "all succeed"
    ) { lab in
      let node = try lab.node()
      // Even a plugin that is asked in newer versions meets a loopback plugin of its time.
      let loopback = try pluginPath("loopback", in: lab.subject.pluginFolders)
      for _ in 0..<6 {
        let container = try node.container()
        var other = try container.call(.ADD)
        other.executable = loopback
        other.configuration = ["cniVersion": "0.3.1", "name": "loopback", "type": "loopback"]
        other.environment["CNI_IFNAME"] = "lo"
        for reply in try node.together([other, container.call(.ADD)]) { try reply.succeed() }
      }
    },
    ConformanceCase(
      "CON-07", .convention, .all, in: .only1_1, [.lifecycle, .garbageCollection],
      stimulus: "GC that lists the attachment and CHECK of it at a time, 10 times",
      expectation: "all succeed"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let result = try container.add()
      let valid: JSONValue = [
        ["containerID": .string(container.id), "ifname": .string(lab.manifest.interface)]
      ]
      let collection = try container.call(
        .GC, configuration: ["cni.dev/valid-attachments": valid, "cni.dev/attachments": valid])
      for _ in 0..<10 {
        for reply in try node.together([collection, container.call(.CHECK, result: result)]) { try reply.succeed() }
      }
    },
    ConformanceCase(
      "CON-08", .convention, .all, [.lifecycle],
      stimulus: "ADD while somebody holds the plugin's locks, or that of iptables, for 3 seconds",
      expectation: "ADD waits and succeeds, or is a clean error with code 11"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let locks = try ["/run/xtables.lock"] + node.filePaths().filter { $0.hasSuffix("lock") }
      let holders = try locks.map { lock in
        try BackgroundProgram("/usr/bin/flock", [lock, "/bin/sleep", "3"], on: node)
      }
      let reply = try node.run(container.call(.ADD))
      for holder in holders { holder.end() }
      if try !reply.succeedOrFailCleanly([11]) { return }
      _ = try reply.result()
    },
  ]
}
