import Logging
import ServiceLifecycle

/// Makes Events of what the agent has to say that an operator must act on, and keeps nobody waiting who says it.
struct NoticeEvents: Service {
  private typealias Told = (notice: AgentNotice, subject: EventRecorder.Subject?)

  private let told: AsyncStream<Told>
  private let continuation: AsyncStream<Told>.Continuation
  private let recorder: EventRecorder

  /// - Parameter capacity: how many notices wait at most; while the API server is away the newest say most.
  init(_ recorder: EventRecorder, capacity: Int = 16) {
    self.recorder = recorder
    (told, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(capacity))
  }

  /// Takes a notice, to be written when there is time for it.
  ///
  /// - Parameter subject: what it is about; nil is the recorder's own.
  func take(_ notice: AgentNotice, about subject: EventRecorder.Subject? = nil) {
    if notice.level >= .warning { continuation.yield((notice, subject)) }
  }

  func run() async {
    await cancelWhenGracefulShutdown {
      for await (notice, subject) in told {
        let message = notice.remedy.map { "\(notice.message); \($0)" } ?? notice.message
        await recorder.record(.warning, reason: notice.reason, message: message, about: subject)
      }
    }
  }
}
