import Logging
import ServiceLifecycle

/// Makes Events of what the agent has to say that an operator must act on.
struct NoticeEvents: Service {
  private let notices: AsyncStream<AgentNotice>
  private let continuation: AsyncStream<AgentNotice>.Continuation
  private let recorder: EventRecorder

  init(_ recorder: EventRecorder) {
    self.recorder = recorder
    // While the API server is away the newest say most.
    (notices, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(16))
  }

  /// Takes a notice, to be written when there is time for it.
  func take(_ notice: AgentNotice) {
    if notice.level >= .warning { continuation.yield(notice) }
  }

  func run() async {
    await cancelWhenGracefulShutdown {
      for await notice in notices {
        let message = notice.remedy.map { "\(notice.message); \($0)" } ?? notice.message
        await recorder.record(.warning, reason: notice.reason, message: message)
      }
    }
  }
}
