import Glibc
import JSON
import Synchronization
package import System
import SystemPackage

/// A real Envoy as the sidecar of a pod, from when its listeners accept until `close` or the end of this object.
package final class EnvoyProxy: Sendable {
  /// Envoy did not start.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  private let child: Mutex<Child?>

  /// Starts Envoy, and returns when it accepts connections on its ports.
  ///
  /// - Parameters:
  ///   - executable: Envoy's path. That `owner` may not look into a folder on the way is no obstacle.
  ///   - isTransparent: As of `EnvoyConfiguration`. Envoy has CAP_NET_ADMIN then, for transparent sockets and marks.
  ///   - owner: Whose sockets and traffic Envoy's are.
  ///   - timeLimit: One worker needs about half a second.
  package init(
    _ executable: String, isTransparent: Bool = false, owner: Owner = .proxy,
    in namespace: borrowing NetworkNamespace, timeLimit: Duration = .seconds(30)
  ) throws {
    let arguments =
      Self.identity(owner, isPrivileged: isTransparent) + [
        executable, "--config-yaml", EnvoyConfiguration(isTransparent: isTransparent).json.text(),
        // Hot restart has a shared memory segment and a socket that several Envoys would fight for.
        "--disable-hot-restart", "--concurrency", "1",
        // Says why it ends, if it does, and nothing else: nobody reads the pipe once Envoy is ready.
        "--log-level", "error",
      ]
    let child = try namespace.run { () throws(SystemError) in
      try Child.spawn(Self.setpriv, arguments: arguments, environment: [:])
    }
    try Self.waitUntilReady(child, in: namespace, timeLimit: timeLimit)
    self.child = Mutex(child)
  }

  /// Ends Envoy at once, without a farewell to its connections; returns when it is gone.
  package func close() {
    child.withLock { $0 = nil }
  }

  /// Tries whether Envoy is there and runs as the proxy's user with CAP_NET_ADMIN.
  package static func tryOut(_ executable: String) throws(SystemError) {
    let outcome = try runChild(
      setpriv, arguments: identity(.proxy, isPrivileged: true) + [executable, "--version"], environment: [:],
      timeLimit: .seconds(30))
    guard outcome.status == .exited(0) else {
      throw SystemError(
        "execve as user \(Owner.proxy.user)", executable,
        isExecutable(executable) ? .permissionDenied : .noSuchFileOrDirectory)
    }
  }

  /// From util-linux. A thread that becomes another user loses its capabilities to `execve`; ambient ones survive it.
  private static let setpriv = "/usr/bin/setpriv"

  private static func identity(_ owner: Owner, isPrivileged: Bool) -> [String] {
    let identity = ["--reuid", "\(owner.user)", "--regid", "\(owner.group)", "--clear-groups"]
    return identity + (isPrivileged ? ["--inh-caps", "+net_admin", "--ambient-caps", "+net_admin"] : [])
  }

  private static func waitUntilReady(
    _ child: borrowing Child, in namespace: borrowing NetworkNamespace, timeLimit: Duration
  ) throws {
    let deadline = ContinuousClock.now + timeLimit
    var output: [UInt8] = []
    while try !accepts(in: namespace) {
      var request = pollfd(fd: child.standardError?.withRawValue { $0 } ?? -1, events: Int16(POLLIN), revents: 0)
      // What Envoy says, or the end of its output, comes at once; else this is the time between two attempts.
      if poll(&request, 1, 20) > 0 {
        let chunk = try child.standardError?.read(4096) ?? []
        output += chunk
        if chunk.isEmpty { throw Failure(description: "Envoy ended: \(String(decoding: output, as: UTF8.self))") }
      }
      if ContinuousClock.now > deadline {
        throw Failure(
          description: "Envoy is not ready after \(timeLimit): \(String(decoding: output, as: UTF8.self))")
      }
    }
  }

  /// Whether all listeners accept. Connections over loopback by root are redirected in no mode.
  private static func accepts(in namespace: borrowing NetworkNamespace) throws(SystemError) -> Bool {
    do throws(SystemError) {
      for port in [EnvoyConfiguration.outboundPort, EnvoyConfiguration.inboundPort] {
        for address in ["127.0.0.1", "::1"] {
          let endpoint = Endpoint(address, port)
          let socket = try PodSocket.open(.tcp, for: endpoint, as: .root, in: namespace)
          try socket.connect(to: endpoint, until: .now + .seconds(1))
        }
      }
      return true
    } catch let error where error.errno == .connectionRefused || error.errno == .timedOut {
      return false
    }
  }
}
