import CNI
import Glibc
import Harness
import JSON
import System
import Testing

/// What a node and a runtime do to the plugin when they are in trouble themselves. Each test has a process of its own, so
/// that what it leaves can be counted.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct FaultTests {
  @Test("with a full disk under its run directory, ADD redirects completely or fails cleanly, and DEL succeeds")
  func fullDisk() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        try Self.withRunDirectory(
          of: mesh, mountedWith: "size=32k",
          sabotage: "dd if=/dev/zero of=filler bs=4k || test -s filler; ! echo x >probe; rm -f probe")
      }
    }
  }

  @Test(
    "with a read-only run directory, ADD redirects completely or fails cleanly, and DEL says what it cannot remove")
  func readOnly() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        try Self.withRunDirectory(
          of: mesh, mountedWith: "size=1m", sabotage: "mount -n -o remount,ro . && ! touch probe",
          endsOlder: .failure(code: 5))
      }
    }
  }

  /// Starts a pod, puts the run directory into trouble, and starts and ends another one; the first one ends then as well.
  ///
  /// - Parameter endsOlder: How DEL of the first one ends. Its redirect is gone in any case.
  static func withRunDirectory(
    of mesh: MeshNode, mountedWith options: String, sabotage: String, endsOlder: RedirectedPod.Ending = .success
  ) throws {
    let shell = { (script: String) throws in
      let outcome = try mesh.node.runProgram(
        "/bin/sh", ["-ec", "cd \(MeshNode.runDirectory); \(script)"],
        environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
      let text = String(decoding: outcome.standardError, as: UTF8.self)
      try #require(outcome.status == .exited(0), "\(script): \(text)")
    }
    try shell("mount -n -t tmpfs -o \(options) tmpfs /mnt; cp -a . /mnt; mount -n --move /mnt \(MeshNode.runDirectory)")
    defer { #expect(throws: Never.self) { try shell("cd /; umount -n \(MeshNode.runDirectory)") } }

    let older = try RedirectedPod(1, on: mesh)
    let pristine = try older.redirect()
    try #require(older.attempt(.ADD) == .success)
    let complete = try older.redirect()
    try shell(sabotage)

    let pod = try RedirectedPod(2, on: mesh)
    switch pod.attempt(.ADD) {
    case .success: expect("ADD", try pod.redirect(), is: complete)
    case let ending:
      expect("ADD", ending, is: .failure(code: 5))
      expect("after ADD", try pod.redirect(), is: pristine)
    }
    for (pod, ending) in [(pod, RedirectedPod.Ending.success), (older, endsOlder)] {
      expect("DEL", pod.attempt(.DEL), is: ending)
      expect("after DEL", try pod.redirect(), is: pristine)
      try pod.sandbox.remove()
    }
  }

  @Test("a runtime that is gone when the answer is written: ADD does not pass for a success, and DEL leaves no trace")
  func noReader() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        let pod = try RedirectedPod(1, on: mesh)
        let pristine = try pod.redirect()
        let call = try Self.call(.add(mesh.runtime.parameters(of: pod.sandbox), previous: nil), on: mesh)
        let status = try mesh.node.run { () throws(SystemError) in try Self.runWithoutReader(call) }
        // Neither success nor the end that `timeout` makes of what hangs.
        expect("ADD", status, is: .exited(1))
        expect("DEL", pod.attempt(.DEL), is: .success)
        expect("after DEL", try pod.redirect(), is: pristine)
        try pod.sandbox.remove()
      }
    }
  }

  private static func runWithoutReader(_ call: Call) throws(SystemError) -> ChildStatus {
    var input = try OwnedDescriptor.pipe()
    // It fits into the pipe; what takes the place of an end closes it.
    try input.writer.writeAll(call.input)
    input.writer = try OwnedDescriptor.open("/dev/null", O_WRONLY)
    var output = try OwnedDescriptor.pipe()
    output.reader = try OwnedDescriptor.open("/dev/null", O_RDONLY)
    let streams = (input.reader.withRawValue { $0 }, output.writer.withRawValue { $0 })
    let process = try ChildProcess.spawn(
      "/usr/bin/timeout", arguments: ["-s", "KILL", "20", call.executable], environment: call.environment,
      standardStreams: [streams.0, streams.1, streams.1])
    return try process.wait()
  }

  @Test(
    "a runtime that dies before it has closed the plugin's input has done nothing", arguments: [0, 0.5, 1])
  func openInput(part: Double) async {
    await #expect(processExitsWith: .success) { [part] in
      try leavingNothing { mesh in
        let pod = try RedirectedPod(1, on: mesh)
        let pristine = try pod.redirect()
        let call = try Self.call(.add(mesh.runtime.parameters(of: pod.sandbox), previous: nil), on: mesh)
        let status = try mesh.node.run { () throws(SystemError) in
          let child = try call.spawn()
          try child.standardInput?.writeAll(Array(call.input.prefix(Int(Double(call.input.count) * part))))
          Duration.milliseconds(200).elapse()
          try child.kill(SIGKILL)
          return try child.wait()
        }
        expect("still reading", status, is: .signalled(SIGKILL))
        expect("when it died", try pod.redirect(), is: pristine)
        expect("DEL", pod.attempt(.DEL), is: .success)
        try pod.sandbox.remove()
      }
    }
  }

  @Test("input in pieces, with its end long after, is as good as any; half of it is refused")
  func pieces() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        let pod = try RedirectedPod(1, on: mesh)
        let pristine = try pod.redirect()
        let call = try Self.call(.add(mesh.runtime.parameters(of: pod.sandbox), previous: nil), on: mesh)
        let half = call.input.prefix(call.input.count / 2)
        let outcomes = try [[half, call.input.dropFirst(half.count)], [half]].map { pieces in
          try mesh.node.run { () throws(SystemError) in
            var child = try call.spawn()
            for piece in pieces {
              try child.standardInput?.writeAll(Array(piece))
              Duration.milliseconds(100).elapse()
            }
            child.closeInput()
            return Answer(output: try child.standardOutput?.readAll(limit: 1 << 16) ?? [], status: try child.wait())
          }
        }
        expect("whole and half", outcomes.map(\.status), is: [.exited(0), .exited(1)])
        expect("code", try JSONValue(parsing: outcomes[1].output)["code"], is: 6)
        expect("DEL", pod.attempt(.DEL), is: .success)
        expect("after DEL", try pod.redirect(), is: pristine)
        try pod.sandbox.remove()
      }
    }
  }

  @Test("VERSION answers a probe that never closes its input")
  func openProbe() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        let call = try Self.call(.version, on: mesh)
        let answer = try mesh.node.run { () throws(SystemError) in
          let child = try call.spawn()
          return Answer(output: try child.standardOutput?.readAll(limit: 1 << 16) ?? [], status: try child.wait())
        }
        expect("VERSION", answer.status, is: .exited(0))
        #expect(try JSONValue(parsing: answer.output)["supportedVersions"]?.array?.isEmpty == false)
      }
    }
  }

  struct Answer {
    let output: [UInt8]
    let status: ChildStatus
  }

  /// One run of our plugin, not begun yet.
  struct Call {
    let executable: String
    let environment: [String: String]
    let input: [UInt8]

    func spawn() throws(SystemError) -> Child {
      try Child.spawn(executable, arguments: [], environment: environment)
    }
  }

  static func call(_ request: PluginRequest, on mesh: MeshNode) throws -> Call {
    Call(
      executable: "\(try executableFolder())/istio-cni", environment: request.environment(path: "/opt/cni/bin"),
      input: JSONValue.object(request.input(for: mesh.entry, of: mesh.runtime.list)).serialized())
  }
}
