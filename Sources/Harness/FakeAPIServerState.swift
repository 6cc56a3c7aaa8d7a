import JSON
import Synchronization

/// What the server's connections and its owner share.
final class FakeAPIServerState: Sendable {
  private struct Contents {
    var token: String
    var behaviour = FakeAPIServer.Behaviour.normal
    var scripted: [FakeAPIServer.Behaviour] = []
    var pods: [String: [UInt8]] = [:]
    var requests: [FakeAPIServer.Request] = []
  }

  private let contents: Mutex<Contents>

  init(token: String) {
    contents = Mutex(Contents(token: token))
  }

  func put(_ pod: JSONValue) {
    let namespace = pod["metadata"]?["namespace"]?.string ?? "default"
    let name = pod["metadata"]?["name"]?.string ?? ""
    contents.withLock { $0.pods["\(namespace)/\(name)"] = pod.serialized() }
  }

  func removePod(namespace: String, name: String) {
    contents.withLock { $0.pods["\(namespace)/\(name)"] = nil }
  }

  func setToken(_ token: String) {
    contents.withLock { $0.token = token }
  }

  func setBehaviour(_ behaviour: FakeAPIServer.Behaviour) {
    contents.withLock { $0.behaviour = behaviour }
  }

  func script(_ behaviours: [FakeAPIServer.Behaviour]) {
    contents.withLock { $0.scripted = behaviours }
  }

  var requests: [FakeAPIServer.Request] {
    contents.withLock { $0.requests }
  }

  /// Remembers a request and tells how to treat it.
  func record(_ request: FakeAPIServer.Request) -> FakeAPIServer.Behaviour {
    contents.withLock { contents in
      contents.requests.append(request)
      return contents.scripted.isEmpty ? contents.behaviour : contents.scripted.removeFirst()
    }
  }

  /// What a server in good health answers.
  ///
  /// - Parameter expectedToken: instead of the set one.
  func answer(
    to request: FakeAPIServer.Request, authorization: String?, expectedToken: String? = nil
  ) -> FakeAPIServerAnswer {
    let (token, pods) = contents.withLock { ($0.token, $0.pods) }
    guard authorization == "Bearer \(expectedToken ?? token)" else { return .status(401, request.path) }
    let parts = request.path.split(separator: "/", omittingEmptySubsequences: false)
    guard request.method == "GET", parts.count == 7, parts[1...3] == ["api", "v1", "namespaces"], parts[5] == "pods",
      let pod = pods["\(parts[4])/\(parts[6])"]
    else { return .status(404, request.path) }
    return FakeAPIServerAnswer(status: 200, body: pod)
  }
}
