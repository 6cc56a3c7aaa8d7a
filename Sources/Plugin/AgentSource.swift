import CNI
import JSON
import Kubernetes
import MeshPod
import System

extension Request {
  /// The pod as the agent on this node knows it; nil if the agent is not there, is slow, or does not know the pod. What
  /// keeps it from answering is for the log: the API server is asked next.
  ///
  /// - Parameter deadline: of everything; only half of the time till then is the agent's, so that the API server can still
  ///   be asked.
  mutating func readFromAgent(
    _ pod: PodName, _ runDirectory: RunDirectory, deadline: ContinuousClock.Instant
  ) -> PodObject? {
    let question = PodQuestion(namespace: pod.namespace, name: pod.name, uid: pod.uid)
    let reason: String
    do throws(SystemError) {
      let answer = try askLocalService(
        at: runDirectory.podSocket, question.line, limit: PodAnswer.sizeLimit,
        deadline: .now + min(Self.agentTimeLimit, (deadline - .now) / 2))
      switch PodAnswer(parsing: answer) {
      case .none(let cause):
        reason = cause
      case .pod(let json):
        if let object = object(json, of: pod) {
          log["facts"] = "agent"
          return object
        }
        reason = "the agent's answer is about another pod"
      }
    } catch {
      reason = "\(error)"
    }
    log["agent"] = .string(reason)
    return nil
  }

  /// As long as the agent may need to ask the API server itself.
  private static let agentTimeLimit = Duration.seconds(2)

  private func object(_ json: JSONValue, of pod: PodName) -> PodObject? {
    // A summary that cannot be read is as good as none.
    guard let object = try? PodObject(json: json), object.namespace == pod.namespace, object.name == pod.name,
      pod.uid.isEmpty || object.isKnown(byUID: pod.uid)
    else { return nil }
    return object
  }
}
