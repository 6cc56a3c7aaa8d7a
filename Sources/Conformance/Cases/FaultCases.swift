import CNI
import Glibc
import JSON
import System

extension Catalogue {
  /// Death, and what a node has run out of.
  static let faultCases: [ConformanceCase] = deathCases + environmentCases + storageCases

  private static let deathCases: [ConformanceCase] = [
    ConformanceCase(
      "FLT-01", .must, .all, [.delete, .lifecycle],
      stimulus: "ADD killed at 20 points from its start to beyond its end, each followed by DEL",
      expectation: "DEL succeeds, and no trace is left each time"
    ) { lab in try interrupt(lab, .ADD, with: SIGKILL, points: 20) },
    ConformanceCase(
      "FLT-02", .must, .mainAndIPAM, [.delete],
      stimulus: "DEL killed at 8 points, each followed by another DEL",
      expectation: "the second DEL succeeds, and no trace is left each time"
    ) { lab in try interrupt(lab, .DEL, with: SIGKILL, points: 8) },
    ConformanceCase(
      "FLT-03", .should, .all, [.delete],
      stimulus: "ADD whose standard output nobody reads any more, then DEL",
      expectation: "ADD ends, by a signal or with an error, and DEL leaves no trace"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      var addition = try node.start(container.call(.ADD))
      addition.closeOutput()
      let reply = try addition.reply()
      try expect(!reply.timedOut && reply.status != .exited(0), reply.description)
      try container.delete(result: container.previousResult(in: lab.version))
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "FLT-04", .convention, .all, [.error],
      stimulus: "ADD whose standard error nobody reads any more",
      expectation: "it works"
    ) { lab in
      let container = try lab.container()
      var addition = try container.node.start(container.call(.ADD))
      addition.closeError()
      _ = try addition.reply().result()
    },
    ConformanceCase(
      "FLT-13", .convention, [.chained], in: .from0_3, [.delete],
      stimulus: "ADD with a result of 2,500 routes that nobody reads, killed after 2.5 seconds, then DEL",
      expectation: "DEL succeeds, and no trace is left"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      var call = try container.call(.ADD)
      var previous = call.configuration["prevResult"]?.object ?? [:]
      previous["routes"] = .array(
        (0..<2500).map { number in
          ["dst": .string("10.\(100 + number / 256).\(number % 256).0/24"), "gw": "10.9.1.1"]
        })
      call.configuration["prevResult"] = .object(previous)
      var addition = try node.start(call)
      try addition.finishInput()
      lab.pause(.milliseconds(2500))
      try addition.kill(SIGKILL)
      _ = try addition.reply()
      try container.delete(result: container.previousResult(in: lab.version))
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "FLT-15", .must, .all, [.delete],
      stimulus: "the namespace deleted at 10 points of ADD, each followed by DEL",
      expectation: "ADD succeeds or is a clean error, DEL succeeds, and nothing is left on the node"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let whole = try node.durationOfAdd()
      for point in 0..<10 {
        let container = try node.container()
        let baseline = try node.state()
        var addition = try node.start(container.call(.ADD))
        try addition.finishInput()
        lab.pauseExactly(whole * point / 9)
        try container.remove()
        try addition.reply().succeedOrFailCleanly()
        try container.delete(result: container.previousResult(in: lab.version))
        try node.expectNoTrace(since: baseline)
      }
    },
    ConformanceCase(
      "FLT-16", .convention, .all, [.delete, .lifecycle],
      stimulus: "ADD terminated (SIGTERM) at 20 points from its start to beyond its end, each followed by DEL",
      expectation: "DEL succeeds, and no trace is left each time"
    ) { lab in try interrupt(lab, .ADD, with: SIGTERM, points: 20) },
  ]

  private static let environmentCases: [ConformanceCase] = [
    ConformanceCase(
      "FLT-07", .should, .all, [.error],
      stimulus: "ADD as user 65534 without capabilities",
      expectation: "a clean error"
    ) { lab in
      let container = try lab.container()
      try container.node.run(container.node.unprivileged(container.call(.ADD))).cleanError()
    },
    ConformanceCase(
      "FLT-08", .convention, .all, [.error],
      stimulus: "ADD with at most 64, 16 and 8 descriptors",
      expectation: "success or a clean error"
    ) { lab in
      for limit in [64, 16, 8] {
        let container = try lab.container()
        var call = try container.call(.ADD)
        call.launcher = ["/bin/sh", "-c", "ulimit -n \(limit); exec \"$0\""]
        try container.node.run(call).succeedOrFailCleanly()
      }
    },
    ConformanceCase(
      "FLT-09", .convention, .all, [.pluginConfiguration],
      stimulus: "ADD by a symbolic link of another name",
      expectation: "it works"
    ) { lab in
      let container = try lab.container()
      var call = try container.call(.ADD)
      call.executable = "/run/another-name"
      try container.node.tool("ln -s '\(lab.subject.path)' \(call.executable)")
      _ = try container.node.run(call).result()
    },
    ConformanceCase(
      "FLT-10", .should, [.chained], [.delete, .error],
      stimulus: "ADD, then DEL, where the programs that the plugin runs are not on PATH",
      expectation: "ADD is a clean error without a trace, and DEL succeeds; a plugin that runs none works"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      var addition = try container.call(.ADD)
      var deletion = try container.call(.DEL, result: container.previousResult(in: lab.version))
      addition.environment["PATH"] = "/nonexistent"
      deletion.environment["PATH"] = "/nonexistent"
      let reply = try node.run(addition)
      if lab.manifest.programs.isEmpty {
        _ = try reply.result()
      } else {
        try reply.cleanError()
        try node.expectNoTrace(since: baseline)
      }
      try node.run(deletion).succeed()
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "FLT-12", .should, .all, [.lifecycle],
      stimulus: "ADD after another ADD, and after a holder of the plugin's locks, have been killed",
      expectation: "it goes on"
    ) { lab in
      let node = try lab.node()
      let whole = try node.durationOfAdd()
      let victim = try node.container()
      let locks = try ["/run/xtables.lock"] + node.filePaths().filter { $0.hasSuffix("lock") }
      for lock in locks {
        // exec: the one that is killed is the one that holds the lock.
        let holder = try BackgroundProgram("/usr/bin/flock", ["--no-fork", lock, "/bin/sleep", "60"], on: node)
        lab.pause(.milliseconds(50))
        holder.end()
      }
      for point in 1...4 {
        _ = try node.run(victim.call(.ADD), sending: SIGKILL, after: whole * point / 5)
        let other = try node.container()
        let reply = try node.run(other.call(.ADD))
        _ = try reply.result()
        try expect(reply.duration < .seconds(10), "it took \(reply.duration)")
        try victim.delete(result: victim.previousResult(in: lab.version))
      }
    },
    ConformanceCase(
      "FLT-14", .convention, .all, [.parameters],
      stimulus: "ADD in a working folder that has been deleted",
      expectation: "it works"
    ) { lab in
      let container = try lab.container()
      var call = try container.call(.ADD)
      call.launcher = ["/bin/sh", "-c", "mkdir /run/gone && cd /run/gone && rmdir /run/gone && exec \"$0\""]
      _ = try container.node.run(call).result()
    },
    ConformanceCase(
      "FLT-17", .convention, .all, [.error],
      stimulus: "ADD on a kernel that lacks a feature of netfilter or a kind of interface",
      expectation: "a clean error that names the feature, and no trace",
      undecidable: "a running kernel cannot be made to lack something; it takes a machine with another one"
    ),
  ]

  private static let storageCases: [ConformanceCase] = [
    ConformanceCase(
      "FLT-05", .should, .all, [.delete],
      stimulus: "ADD, and DEL of an older attachment, where the folder with the plugin's files is read-only",
      expectation: "ADD is a clean error without a trace; DEL is an error, or the attachment's files are gone"
    ) { lab in
      let node = try lab.node()
      let older = try node.container()
      let before = try node.filePaths()
      let result = try older.add()
      let files = try node.filePaths().filter { !before.contains($0) }
      let folders = Set(files.map { String($0[..<($0.lastIndex(of: "/") ?? $0.startIndex)]) })
      guard !folders.isEmpty else { throw Inapplicable("the plugin keeps no files on the node") }
      let newer = try node.container()
      for folder in folders { try node.makeReadOnly(folder) }
      let baseline = try node.state()
      try node.run(newer.call(.ADD)).cleanError()
      try node.expectNoTrace(since: baseline)
      if try node.run(older.call(.DEL, result: result)).succeedOrFailCleanly() {
        let kept = try node.filePaths().filter(files.contains)
        try expect(kept.isEmpty, "DEL succeeded and kept \(kept.joined(separator: ", "))")
      }
      for folder in folders { try node.makeWritable(folder) }
      try older.delete(result: result)
    },
    ConformanceCase(
      "FLT-06", .should, [.ipam], [.delete],
      stimulus: "the files of a lease emptied, or filled with garbage; then ADD of another container, and DEL",
      expectation: "both skip what they cannot read, and work"
    ) { lab in
      for content in ["", "\u{1}garbage\n{"] {
        let node = try lab.node()
        let container = try node.container()
        let before = try node.filePaths()
        let result = try container.add()
        for file in try node.filePaths() where !before.contains(file) { try node.write(content, to: file) }
        try node.container().add()
        try container.delete(result: result)
      }
    },
    ConformanceCase(
      "FLT-11", .should, [.ipam], [.delete],
      stimulus: "ADD where the file system with the plugin's files is full",
      expectation: "a clean error, and no empty file"
    ) { lab in
      let node = try lab.node()
      let folders = try node.dataFolders()
      for folder in folders {
        try node.tool("mount -t tmpfs -o size=4k tmpfs '\(folder)'")
        try node.tool("sh -c 'head -c 8192 /dev/zero > \(folder)/ballast 2>/dev/null; true'")
      }
      let container = try node.container()
      try node.run(container.call(.ADD)).cleanError()
      let empty = (try node.state().sections["files"] ?? []).filter { line in
        folders.contains { line.hasPrefix("file \($0)/") } && line.contains(" 0 bytes") && !line.contains("lock")
      }
      try expect(empty.isEmpty, "left behind: \(empty.joined(separator: ", "))")
    },
    ConformanceCase(
      "FLT-18", .convention, .all, [.lifecycle],
      stimulus: "ADD with umask 0 and with umask 0777, DEL as another process",
      expectation: "the plugin's files are neither writable by all nor unreadable for their owner"
    ) { lab in
      for mask in ["0", "0777"] {
        let node = try lab.node()
        let container = try node.container()
        let before = try node.state().sections["files"] ?? []
        var call = try container.call(.ADD)
        call.launcher = ["/bin/sh", "-c", "umask \(mask); exec \"$0\""]
        let result = try node.run(call).result()
        let new = (try node.state().sections["files"] ?? []).filter { !before.contains($0) }
        for line in new where line.hasPrefix("file ") {
          let words = line.split(separator: " ")
          guard words.count > 2, let mode = UInt32(words[2], radix: 8) else { continue }
          try expect(mode & 0o002 == 0 && mode & 0o400 != 0, "with umask \(mask): \(line)")
        }
        try container.delete(result: result)
      }
    },
  ]

  /// Sends a signal to a verb at points from its start to beyond its end; DEL must then leave nothing.
  private static func interrupt(_ lab: Lab, _ verb: Command, with signal: Int32, points: Int) throws {
    let node = try lab.node()
    try node.warmUp()
    let whole = try node.durationOfAdd()
    let container = try node.container()
    let baseline = try node.state()
    for point in 0..<points {
      let result = verb == .DEL ? try container.add() : nil
      _ = try node.run(
        container.call(verb, result: result), sending: signal, after: whole * 11 * point / (10 * (points - 1)))
      try container.delete(result: result ?? container.previousResult(in: lab.version))
      try node.expectNoTrace(since: baseline)
    }
  }
}
