import CLinux
import Glibc
import Harness
import System
import SystemPackage
import Testing

/// Namespaces and mounts made by the test alone; nothing of the machine's own changes.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct NamespaceTests {
  @Test("a new namespace is another one than ours, and than the next")
  func fresh() throws {
    let first = try NetworkNamespace.create()
    let second = try NetworkNamespace.create()
    #expect(first.identity != second.identity)
    #expect(try NetworkNamespace.current().identity != first.identity)
  }

  @Test("the body runs inside, and its interfaces are the namespace's")
  func inside() throws {
    let namespace = try NetworkNamespace.create()
    let seen = try namespace.run { () throws(SystemError) in try NetworkNamespace.current().identity }
    #expect(seen == namespace.identity)
    let devices = try namespace.run { () throws(SystemError) in
      try readFile("/proc/thread-self/net/dev", limit: 1 << 16)
    }
    // Two lines of header, and lo.
    #expect(devices.count { $0 == UInt8(ascii: "\n") } == 3)
  }

  @Test("TCP sockets are counted by namespace, listeners and both families too")
  func socketCount() throws {
    let namespace = try NetworkNamespace.create()
    try namespace.setLoopbackUp()
    #expect(try namespace.tcpSocketCount() == 0)
    let service = try PodService("counted", ports: [80], owner: .root, in: namespace)
    #expect(try namespace.tcpSocketCount() == 2)
    service.close()
    let connection = try LiveConnection(
      from: namespace, as: .root, to: Endpoint("::1", 80), in: namespace, served: .root)
    #expect(try namespace.tcpSocketCount() == 2)
    withExtendedLifetime(connection) {}
  }

  @Test("a child that the body starts is in the namespace")
  func child() throws {
    let namespace = try NetworkNamespace.create()
    let outcome = try namespace.run { () throws(SystemError) in
      try runChild("/bin/readlink", arguments: ["/proc/self/ns/net"], environment: [:], timeLimit: .seconds(20))
    }
    #expect(String(decoding: outcome.standardOutput, as: UTF8.self) == "net:[\(namespace.identity.inode)]\n")
  }

  @Test("no task ever finds itself in the namespace")
  func othersStayOutside() async throws {
    let own = try NetworkNamespace.current().identity
    try await withThrowingTaskGroup { group in
      for _ in 0..<50 {
        group.addTask {
          let namespace = try NetworkNamespace.create()
          _ = try namespace.run { () throws(SystemError) in try NetworkNamespace.current().identity }
          await Task.yield()
          #expect(try NetworkNamespace.current().identity == own)
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("a bound namespace lives by its path, is seen in its mount namespace alone, and goes with unbind")
  func bind() throws {
    let mounts = try MountNamespace.create()
    let path = "/tmp/namespace-tests-\(UInt32.random(in: 0...UInt32.max))"
    let identity = try mounts.run { () throws(SystemError) in
      let namespace = try NetworkNamespace.create()
      try namespace.bind(to: path)
      return namespace.identity
    }
    // Outside it is the plain file that carries the mount.
    #expect(throws: SystemError("NS_GET_NSTYPE", path, .invalidArgument)) { _ = try NetworkNamespace.open(path) }
    let found = try mounts.run { () throws(SystemError) in
      let found = try NetworkNamespace.open(path).identity
      try NetworkNamespace.unbind(path)
      return found
    }
    #expect(found == identity)
    #expect(access(path, F_OK) == -1)
  }

  @Test("a path that is taken is EEXIST, and stays as it was")
  func taken() throws {
    let mounts = try MountNamespace.create()
    #expect(throws: SystemError("open", "/etc/passwd", .fileExists)) {
      try mounts.run { () throws(SystemError) in try NetworkNamespace.create().bind(to: "/etc/passwd") }
    }
    #expect(access("/etc/passwd", F_OK) == 0)
  }

  @Test("unbinding what is not bound says so")
  func unboundAlready() throws {
    #expect(throws: SystemError("umount2", "/tmp/namespace-tests-none", .noSuchFileOrDirectory)) {
      try NetworkNamespace.unbind("/tmp/namespace-tests-none")
    }
  }

  @Test("mounts and network are entered together")
  func both() throws {
    let mounts = try MountNamespace.create()
    let network = try NetworkNamespace.create()
    let own = try readLink("/proc/self/ns/mnt")
    let (seenNetwork, seenMounts) = try mounts.run(with: network) { () throws(SystemError) in
      (try NetworkNamespace.current().identity, try readLink("/proc/thread-self/ns/mnt"))
    }
    #expect(seenNetwork == network.identity)
    #expect(seenMounts != own)
    #expect(try readLink("/proc/thread-self/ns/mnt") == own)
  }

  @Test("without /proc the thread's namespace is found through a socket")
  func withoutProc() throws {
    let mounts = try MountNamespace.create()
    let network = try NetworkNamespace.create()
    let seen = try mounts.run(with: network) { () throws(SystemError) in
      guard clinux_detach_mount("/proc") == 0 else { throw SystemError("umount2", "/proc", Errno(rawValue: errno)) }
      return try NetworkNamespace.current().identity
    }
    #expect(seen == network.identity)
  }

  @Test("a thread becomes another user, and the process stays root")
  func credentials() throws {
    let outcome = try onDedicatedThread { () throws(SystemError) in
      try becomeOnThisThread(user: 1337, group: 1338)
      return try runChild(
        "/bin/sh", arguments: ["-c", "id -u; id -g; id -G"], environment: ["PATH": "/usr/bin:/bin"],
        timeLimit: .seconds(20))
    }
    #expect(String(decoding: outcome.standardOutput, as: UTF8.self) == "1337\n1338\n1338\n")
    #expect(getuid() == 0)
    #expect(getgid() == 0)
  }
}
