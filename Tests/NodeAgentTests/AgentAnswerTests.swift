import CNI
import Dispatch
import Harness
import JSON
import Kubernetes
import NIOPosix
import NodeAgent
import Plugin
import System
import TestKit
import Testing

/// What the plugin makes of the agent's answers: only one that is about the pod that was asked for counts.
@Suite(.timeLimit(.minutes(5))) struct AgentAnswerTests {
  private static let plain = PodEntry(PodTemplate.pod(.noSidecar, name: "cart", uid: "7f3c"))

  @Test("the agent's answer decides, without a kubeconfig")
  func answer() async throws {
    let outcome = try await Self.add(answering: PodAnswer.bytes(summary: try #require(Self.plain.summary)))
    #expect(outcome.exitStatus == 0)
    let log = try JSONValue(parsing: outcome.standardError)
    #expect(log["facts"] == "agent")
    #expect(log["skip"] == "no-proxy")
  }

  private static let useless: [(answer: [UInt8], reason: String)] = [
    (PodAnswer.bytes(reason: "it is new"), "it is new"),
    (summary(name: "basket", uid: "7f3c"), "the agent's answer is about another pod"),
    (summary(name: "cart", uid: "8a1b"), "the agent's answer is about another pod"),
    (PodAnswer.bytes(summary: Array("{}".utf8)), "the agent's answer is about another pod"),
    (Array("{}".utf8), "the agent gave no answer"),
    ([], "the agent's answer is not JSON: "),
    ([UInt8](repeating: 0x20, count: PodAnswer.sizeLimit + 1), "/pods.sock) = EFBIG (27)"),
  ]

  private static func summary(name: String, uid: String) -> [UInt8] {
    PodAnswer.bytes(summary: PodEntry(PodTemplate.pod(.noSidecar, name: name, uid: uid)).summary ?? [])
  }

  @Test("any other answer is none: the API server is asked, and the log says why", arguments: useless)
  func other(answer: [UInt8], reason: String) async throws {
    let outcome = try await Self.add(answering: answer)
    #expect(outcome.exitStatus == 1)
    #expect(try JSONValue(parsing: outcome.standardOutput)["msg"]?.string?.hasPrefix("cannot read kubeconfig") == true)
    let log = try JSONValue(parsing: outcome.standardError)
    #expect(log["agent"]?.string?.contains(reason) == true)
  }

  /// ADD of pod shop/cart, UID 7f3c, on a node whose agent answers so.
  private static func add(answering answer: [UInt8]) async throws -> Plugin.Outcome {
    let folder = try TemporaryFolder()
    let socket = try await PodSocket(
      at: RunDirectory(folder.path).podSocket, on: MultiThreadedEventLoopGroup.singleton, lookup: { _ in answer })
    let configuration: JSONObject = [
      "cniVersion": "1.0.0", "name": "mesh", "type": "istio-cni", "cni_agent_run_dir": .string(folder.path),
      "prevResult": ["cniVersion": "1.0.0"],
    ]
    let environment = [
      "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c0ffee", "CNI_NETNS": "/nonexistent/netns", "CNI_IFNAME": "eth0",
      "CNI_ARGS": "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=7f3c", "CNI_PATH": "/opt/cni/bin",
    ]
    // On a queue of its own: the plugin blocks, and the agent's answer needs the threads that tasks share.
    let outcome = await withCheckedContinuation { continuation in
      DispatchQueue(label: "plugin").async {
        continuation.resume(
          returning: Plugin.run(environment: environment, started: .now, uptime: .seconds(1000)) { _ in
            .success(JSONValue.object(configuration).serialized())
          })
      }
    }
    try await socket.close()
    return outcome
  }
}
