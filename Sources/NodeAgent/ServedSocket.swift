import Logging
import System

/// A service on a socket of the folder that agent and plugin share.
protocol SocketService: Sendable {
  /// Ends the service and removes its socket.
  func close() async throws
}

/// Keeps a service on its socket: makes it once its folder is there, and again when somebody took the socket away.
struct ServedSocket {
  private static let interval = Duration.seconds(1)

  let path: String
  let logger: Logger

  /// Serves until the task is cancelled.
  func keep(_ make: (String) async throws -> any SocketService) async {
    var service: (any SocketService)?
    var isReported = false
    while !Task.isCancelled {
      do {
        if try service == nil || !exists(path) {
          await close(service)
          service = nil
          service = try await make(path)
          isReported = false
        }
      } catch {
        if !isReported { logger.warning("cannot listen on \(path): \(error); trying again each second") }
        isReported = true
      }
      // It throws when the agent ends, and so does the loop.
      try? await Task.sleep(for: Self.interval)
    }
    await close(service)
  }

  private func close(_ service: (any SocketService)?) async {
    do {
      try await service?.close()
    } catch {
      logger.debug("closing \(path): \(error)")
    }
  }
}
