import Dispatch
import JSON
import Kubernetes
import NIOPosix
import NodeAgent
import System
import Testing

@Suite(.timeLimit(.minutes(5))) struct PodSocketTests {
  /// Asks as the plugin does, on a queue of its own, which may block: tasks share the threads of the global ones.
  private static func ask(_ path: String, _ question: [UInt8]) async throws -> PodAnswer {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue(label: "asks").async {
        continuation.resume(
          with: Result {
            PodAnswer(parsing: try askLocalService(at: path, question, limit: 1 << 20, deadline: .now + .seconds(10)))
          })
      }
    }
  }

  private static func serve(_ lookup: @escaping PodSocket.Lookup) async throws -> (socket: PodSocket, path: String) {
    let path = "/tmp/pods-\(UInt32.random(in: 0...UInt32.max)).sock"
    let socket = try await PodSocket(at: path, on: MultiThreadedEventLoopGroup.singleton, lookup: lookup)
    return (socket, path)
  }

  private static let question = PodQuestion(namespace: "shop", name: "cart", uid: "7f3c")

  @Test("a question is answered with the pod's summary")
  func answered() async throws {
    let (socket, path) = try await Self.serve { question in
      PodAnswer.bytes(summary: Array(#"{"asked":"\#(question.namespace)/\#(question.name) \#(question.uid)"}"#.utf8))
    }
    #expect(try await Self.ask(path, Self.question.line) == .pod(["asked": "shop/cart 7f3c"]))
    try await socket.close()
    #expect(try !exists(path))
  }

  @Test(
    "what is no question is answered so",
    arguments: [
      "", "x", "{}", #"{"protocol":2,"namespace":"shop","name":"cart","uid":""}"#,
      #"{"protocol":1,"namespace":"../x","name":"cart","uid":""}"#, #"{"protocol":1,"namespace":"shop","name":"cart"}"#,
    ])
  func misunderstood(line: String) async throws {
    let (socket, path) = try await Self.serve { _ in PodAnswer.bytes(summary: Array("{}".utf8)) }
    let answer = try await Self.ask(path, Array(line.utf8) + [UInt8(ascii: "\n")])
    #expect(answer == .none(reason: "the agent does not understand the question"))
    try await socket.close()
  }

  @Test("a line without end is not listened to for ever")
  func endless() async throws {
    let (socket, path) = try await Self.serve { _ in [] }
    let answer = try await Self.ask(path, [UInt8](repeating: UInt8(ascii: "x"), count: PodQuestion.sizeLimit + 1))
    #expect(answer != .pod([:]))
    try await socket.close()
  }

  @Test("the socket is its owner's alone, and takes the place of one that was left behind")
  func replaced() async throws {
    let (first, path) = try await Self.serve { _ in [] }
    let second = try await PodSocket(at: path, on: MultiThreadedEventLoopGroup.singleton) { _ in
      PodAnswer.bytes(reason: "second")
    }
    #expect(try FileIdentity(of: path).mode == 0o600)
    #expect(try await Self.ask(path, Self.question.line) == .none(reason: "second"))
    try await second.close()
    // Its path is gone already.
    try await first.close()
  }

  @Test("many questions at once are all answered")
  func burst() async throws {
    let (socket, path) = try await Self.serve { question in PodAnswer.bytes(reason: question.uid) }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask {
          let question = PodQuestion(namespace: "shop", name: "cart", uid: "\(number)")
          return try await Self.ask(path, question.line) == .none(reason: "\(number)")
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
    try await socket.close()
  }
}
