import CNI
import Harness
import JSON
import System
import Testing

/// A pod for TPROXY, which needs more than rules: policy rules and routes, so there is more that can be half done.
struct RedirectedPod: Sendable {
  let mesh: MeshNode
  let sandbox: Sandbox

  init(_ number: Int, on mesh: MeshNode) throws {
    let pod = PodTemplate.pod(
      .classicSidecar, name: "cart-\(number)", uid: "uid-\(number)",
      annotations: ["sidecar.istio.io/interceptionMode": "TPROXY"])
    mesh.apiServer.put(pod)
    self.mesh = mesh
    sandbox = try Sandbox(
      PodIdentity(namespace: "shop", name: "cart-\(number)", uid: "uid-\(number)"), number: number, on: mesh.node)
  }

  /// How a plugin's process ended.
  enum Ending: Sendable, Equatable {
    case success
    /// With an error object that has a code and a message.
    case failure(code: Int)
    /// In any other way.
    case unclean(String)

    var isClean: Bool { if case .unclean = self { false } else { true } }
  }

  /// Runs our plugin alone.
  func attempt(_ command: Command, timeLimit: Duration = .seconds(30)) -> Ending {
    let attachment = mesh.runtime.parameters(of: sandbox)
    return mesh.attempt(
      command == .ADD ? .add(attachment, previous: nil) : .delete(attachment, result: nil), timeLimit: timeLimit)
  }

  /// How long an ADD takes. Leaves the pod as it was.
  func measureADD() throws -> Duration {
    let duration = ContinuousClock().measure { _ = attempt(.ADD) }
    try #require(attempt(.DEL) == .success)
    return duration
  }

  /// All that makes the redirect, as programs that are not ours see it.
  func redirect() throws -> String {
    let outcome = try sandbox.network.run { () throws(SystemError) in
      try runChild(
        "/bin/sh",
        arguments: [
          "-c",
          // A table that was never there is an error.
          "nft list ruleset; for f in -4 -6; do ip $f rule; ip $f route list table 133 2>/dev/null; done",
        ], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], timeLimit: .seconds(20))
    }
    return String(decoding: outcome.standardOutput, as: UTF8.self)
  }
}

extension MeshNode {
  /// Our plugin's entry in the list.
  var entry: JSONObject { runtime.list.plugins.last ?? [:] }

  /// Runs our plugin alone.
  func attempt(_ request: PluginRequest, timeLimit: Duration = .seconds(30)) -> RedirectedPod.Ending {
    do throws(RuntimeError) {
      _ = try runtime.run(request, of: entry, timeLimit: timeLimit)
      return .success
    } catch {
      guard error.outcome?.status == .exited(1), let code = error.failure?["code"]?.int,
        error.failure?["msg"]?.string?.isEmpty == false
      else { return .unclean("\(error)") }
      return .failure(code: code)
    }
  }
}
