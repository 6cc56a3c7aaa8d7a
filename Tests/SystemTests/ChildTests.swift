import CLinux
import Glibc
import System
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ChildTests {
  @Test("output, error output and status come back")
  func outcome() throws {
    let outcome = try shell("echo out; echo error >&2; exit 7")
    #expect(outcome.standardOutput == Array("out\n".utf8))
    #expect(outcome.standardError == Array("error\n".utf8))
    #expect(outcome.status == .exited(7))
    #expect(!outcome.timedOut)
    #expect(!outcome.pipesAreHeld)
  }

  @Test("a child that a signal ends says so")
  func signalled() throws {
    #expect(try shell("kill -TERM $$").status == .signalled(SIGTERM))
  }

  @Test("the environment is the one that was given, and nothing more")
  func environment() throws {
    let outcome = try runChild(
      "/usr/bin/env", arguments: [], environment: ["B": "2=3", "A": ""], timeLimit: .seconds(20))
    #expect(outcome.standardOutput == Array("A=\nB=2=3\n".utf8))
  }

  @Test("arguments arrive as they are")
  func arguments() throws {
    let outcome = try runChild(
      "/usr/bin/printf", arguments: ["[%s]", "a b", "", "ü$"], environment: [:], timeLimit: .seconds(20))
    #expect(outcome.standardOutput == Array("[a b][][ü$]".utf8))
  }

  @Test("more input and output than the pipes hold pass without deadlock")
  func large() throws {
    let input = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let outcome = try runChild(
      "/bin/cat", arguments: [], environment: [:], standardInput: input, timeLimit: .seconds(30))
    #expect(outcome.standardOutput == input)
  }

  @Test("a child that does not read its input is no error")
  func brokenPipe() throws {
    let outcome = try runChild(
      "/bin/true", arguments: [], environment: [:], standardInput: Array(repeating: 0, count: 1_000_000),
      timeLimit: .seconds(20))
    #expect(outcome.status == .exited(0))
  }

  @Test("the child is killed when its time is over, and its output up to then is kept")
  func timeLimit() throws {
    let start = ContinuousClock.now
    let outcome = try runChild(
      "/bin/sh", arguments: ["-c", "echo started; exec sleep 50"], environment: [:], timeLimit: .seconds(1))
    #expect(outcome.timedOut)
    #expect(outcome.status == .signalled(SIGKILL))
    #expect(outcome.standardOutput == Array("started\n".utf8))
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  @Test("a child that writes without end is killed as well")
  func endlessOutput() throws {
    let outcome = try runChild(
      "/usr/bin/yes", arguments: [], environment: [:], timeLimit: .milliseconds(50))
    #expect(outcome.timedOut)
  }

  @Test("a process that the child leaves behind with the pipes open is not waited for")
  func grandchild() throws {
    let outcome = try shell("echo done; sleep 50 & echo $! >&2")
    let left = try #require(pid_t(String(decoding: outcome.standardError, as: UTF8.self).dropLast()))
    kill(left, SIGKILL)
    #expect(outcome.status == .exited(0))
    #expect(outcome.standardOutput == Array("done\n".utf8))
    #expect(!outcome.timedOut)
    #expect(outcome.pipesAreHeld)
  }

  @Test("the child has no descriptor but its three, even if one of ours is not closed on exec")
  func descriptors() throws {
    let inheritable = dup(0)
    defer { close(inheritable) }
    // The fourth is the listing's own.
    #expect(try shell("ls /proc/self/fd").standardOutput == Array("0\n1\n2\n3\n".utf8))
  }

  @Test("the child starts with default signals")
  func signals() async {
    await #expect(processExitsWith: .success) {
      signal(SIGPIPE, SIG_IGN)
      var blocked = sigset_t()
      sigfillset(&blocked)
      pthread_sigmask(SIG_BLOCK, &blocked, nil)
      let outcome = try runChild(
        "/bin/sed", arguments: ["-nE", "s/^Sig(Blk|Ign):\t//p", "/proc/self/status"], environment: [:],
        timeLimit: .seconds(20))
      let masks = String(decoding: outcome.standardOutput, as: UTF8.self).split(separator: "\n")
      try #require(masks.count == 2)
      // 32 and 33 are glibc's own; it has its children ignore them.
      for mask in masks { try #require(mask.hasSuffix("80000000") || mask.hasSuffix("00000000")) }
    }
  }

  @Test("SIGPIPE is as it was after a run")
  func signalMask() throws {
    let mask = try onDedicatedThread { () throws(SystemError) in
      _ = try runChild(
        "/bin/true", arguments: [], environment: [:], standardInput: [UInt8](repeating: 0, count: 1_000_000),
        timeLimit: .seconds(20))
      var mask = sigset_t()
      var pending = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &mask)
      sigpending(&pending)
      return (sigismember(&mask, SIGPIPE), sigismember(&pending, SIGPIPE))
    }
    #expect(mask == (0, 0))
  }

  @Test("a program that is not there is named in the error")
  func missing() {
    #expect(throws: SystemError("posix_spawn", "/nonexistent", .noSuchFileOrDirectory)) {
      try runChild("/nonexistent", arguments: [], environment: [:], timeLimit: .seconds(1))
    }
  }

  @Test("a child that is dropped is killed and reaped")
  func dropped() throws {
    let pid: pid_t
    do {
      let child = try Child.spawn("/bin/sleep", arguments: ["50"], environment: [:])
      pid = child.pid
    }
    #expect(kill(pid, 0) == -1)
    #expect(errno == ESRCH)
  }

  @Test("a conversation with a child, step by step")
  func conversation() throws {
    var child = try Child.spawn("/bin/cat", arguments: [], environment: [:])
    try child.standardInput?.writeAll([65])
    #expect(try child.standardOutput?.read(10) == [65])
    child.closeInput()
    #expect(try child.standardOutput?.read(10) == [])
    #expect(try child.wait() == .exited(0))
  }

  private func shell(_ script: String) throws -> ChildOutcome {
    try runChild("/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"], timeLimit: .seconds(20))
  }
}
