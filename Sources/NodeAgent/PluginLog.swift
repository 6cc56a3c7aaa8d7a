package import CNI
import JSON
import Logging
import NIOPosix
import ServiceLifecycle

/// Puts the lines of Istio's plugin into the agent's log, as that of Istio does.
package struct PluginLog: Service {
  private let socketPath: String
  private let log: AgentLog
  private let logger: Logger

  package init(_ runDirectory: RunDirectory, log: AgentLog) {
    socketPath = runDirectory.logSocket
    self.log = log
    logger = log.logger(AgentLog.agentScope)
  }

  /// Listens until the agent shuts down.
  package func run() async {
    await cancelWhenGracefulShutdown {
      await ServedSocket(path: socketPath, logger: logger).keep { path in
        try await LogSocket(at: path, on: MultiThreadedEventLoopGroup.singleton, take: take)
      }
    }
  }

  private func take(_ body: [UInt8]?) {
    guard let body else {
      return logger.debug("lines of the plugin are dropped: more than \(LogSocket.bodyLimit) bytes at once")
    }
    // What is no list has no lines.
    guard let list = (try? JSONValue(parsing: body))?.array else {
      return logger.debug("lines of the plugin are dropped: not a list in JSON")
    }
    let lines = list.map { $0.string.flatMap { PluginLogLine(parsing: $0) } }
    log.write(lines.compactMap(\.self))
    let dropped = lines.count { $0 == nil }
    if dropped > 0 { logger.debug("lines of the plugin are dropped: \(dropped) of \(lines.count) cannot be read") }
  }
}
