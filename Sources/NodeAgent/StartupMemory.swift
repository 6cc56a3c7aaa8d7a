import Logging
import ServiceLifecycle
import System

/// Gives back what only the start took of the node's memory: of an agent that watches and waits, most of the program's
/// code is never run again.
struct StartupMemory: Service {
  /// After it the node was looked at and its pods are listed, as a rule. Where not, it is a little less that is given back.
  private static let delay = Duration.seconds(5)

  let logger: Logger

  func run() async {
    await cancelWhenGracefulShutdown {
      // It throws when the agent ends.
      guard (try? await Task.sleep(for: Self.delay)) != nil else { return }
      do throws(SystemError) {
        try CurrentProcess.releaseProgramPages()
      } catch {
        logger.debug("the memory of the start is not given back: \(error)")
      }
      // A service that returns would end all others; again, the end throws.
      try? await gracefulShutdown()
    }
  }
}
