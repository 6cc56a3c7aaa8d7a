import JSON
import NIOCore
import NIOHTTP1
import NIOPosix
import System

/// Reads one pod from the API server, and blocks the calling thread until it has it or gives up.
///
/// What passes by itself (a refused connection, a cut answer, 429, 5xx) is tried again, 50 ms later at first and 1 s
/// later at last; what does not, is not. A missing pod is asked for four times within a second: a static pod's mirror
/// may be a moment behind. On 401 the kubeconfig and the token file are read again, once.
///
/// The connection is made by one thread for all fetches of the process, which starts in the namespace of the first
/// caller.
///
/// - Parameters:
///   - deadline: ends everything: connecting, TLS, the answer, and the waits between attempts.
///   - userAgent: for the API server's audit log.
/// - Throws: the error of the last attempt, with the number of attempts in its cause.
package func fetchPod(
  namespace: String, name: String, from kubeconfig: Kubeconfig, deadline: ContinuousClock.Instant, userAgent: String
) throws(KubernetesError) -> PodObject {
  var fetch = try PodFetch(namespace: namespace, name: name, kubeconfig, deadline: deadline, userAgent: userAgent)
  return try fetch.run()
}

/// The one thread that talks to API servers. It ends with the process: to shut a group down starts Dispatch and four
/// threads of its own, which took a quarter of an ADD.
private let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

/// A fetch in progress: the attempts made so far and what the next one needs.
private struct PodFetch {
  private let object: String
  private let path: String
  private let userAgent: String
  private let start = ContinuousClock.now
  private let deadline: ContinuousClock.Instant
  private var kubeconfig: Kubeconfig
  private var attemptCount = 0
  private var backOff = BackOff(first: .milliseconds(50), limit: .seconds(1))
  private var delaysWhileMissing = [Duration.milliseconds(100), .milliseconds(200), .milliseconds(400)][...]
  private var hasRefreshed = false

  init(
    namespace: String, name: String, _ kubeconfig: Kubeconfig, deadline: ContinuousClock.Instant, userAgent: String
  ) throws(KubernetesError) {
    object = "\(namespace)/\(name)"
    path = "/api/v1/namespaces/\(namespace)/pods/\(name)"
    self.userAgent = userAgent
    self.deadline = deadline
    self.kubeconfig = kubeconfig
    guard ObjectName.isLabel(namespace), ObjectName.isSubdomain(name) else {
      throw KubernetesError(
        .invalidName, .fetchPod, object, cause: "no namespace or no pod can have this name", retryHelps: false,
        advice: "check K8S_POD_NAMESPACE and K8S_POD_NAME in CNI_ARGS")
    }
  }

  mutating func run() throws(KubernetesError) -> PodObject {
    var connection = try APIServerConnection(kubeconfig)
    var token = try kubeconfig.currentToken()
    let loop = eventLoops.next()

    while true {
      attemptCount += 1
      let failure: FetchFailure
      switch attempt(connection, token, on: loop) {
      case .success(let pod): return pod
      case .failure(let attempted): failure = attempted
      }

      let delay: Duration
      switch failure.recourse {
      case .none:
        throw failure.error(attemptCount: attemptCount)
      case .newCredentials:
        guard let fresh = refreshedToken(otherThan: token) else { throw failure.error(attemptCount: attemptCount) }
        token = fresh
        connection = try APIServerConnection(kubeconfig)
        delay = .zero
      case .shortWait:
        guard let next = delaysWhileMissing.popFirst() else { throw failure.error(attemptCount: attemptCount) }
        delay = next
      case .wait(let minimum):
        delay = max(minimum, backOff.nextSpread())
      }
      guard ContinuousClock.now + delay < deadline else { throw failure.error(attemptCount: attemptCount) }
      loop.sleep(TimeAmount(delay))
      if case .tokenFile = kubeconfig.credential { token = try kubeconfig.currentToken() }
    }
  }

  private func attempt(
    _ connection: APIServerConnection, _ token: BearerToken, on loop: any EventLoop
  ) -> Result<PodObject, FetchFailure> {
    let judge = AnswerJudge(object: object, server: connection.server.authority, token: token)
    let rest = deadline - .now
    guard rest > .zero else { return .failure(judge.timedOut(after: deadline - start)) }
    let headers: HTTPHeaders = [
      "Authorization": "Bearer \(token.secret)", "Accept": "application/json", "User-Agent": userAgent,
    ]
    do {
      return judge.pod(in: try connection.get(path, headers: headers, on: loop, within: TimeAmount(rest)))
    } catch HTTPExchangeFault.timedOut {
      return .failure(judge.timedOut(after: deadline - start))
    } catch {
      return .failure(judge.failure(of: error))
    }
  }

  /// Reads kubeconfig and token file again, once; nil if that gives nothing new.
  private mutating func refreshedToken(otherThan token: BearerToken) -> BearerToken? {
    if hasRefreshed { return nil }
    hasRefreshed = true
    // That the token was refused says more than that there is no other to be had.
    guard let fresh = try? Kubeconfig(path: kubeconfig.path), let freshToken = try? fresh.currentToken(),
      freshToken != token
    else { return nil }
    kubeconfig = fresh
    return freshToken
  }
}

extension EventLoop {
  /// Blocks the calling thread, which must not be the loop's.
  fileprivate func sleep(_ time: TimeAmount) {
    let promise = makePromise(of: Void.self)
    scheduleTask(in: time) { promise.succeed() }
    // The promise is never failed.
    try? promise.futureResult.wait()
  }
}
