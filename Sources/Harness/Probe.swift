package import System
import SystemPackage

/// One connection attempt, and who answered it.
package struct Probe: Sendable {
  package enum Outcome: Sendable, Equatable {
    case answered(Answer)
    case refused
    case timedOut
    case failed(SystemError)
  }

  package let destination: Endpoint
  package let owner: Owner
  /// The address to connect from; nil lets the kernel choose.
  package let source: String?

  package init(to destination: Endpoint, as owner: Owner, from source: String? = nil) {
    self.destination = destination
    self.owner = owner
    self.source = source
  }

  /// Connects from inside a namespace.
  package func fire(in namespace: borrowing NetworkNamespace, timeLimit: Duration = .seconds(3)) -> Outcome {
    do throws(SystemError) {
      let line = try namespace.run { () throws(SystemError) in
        try becomeOnThisThread(user: owner.user, group: owner.group)
        let socket = try TCPSocket.connect(
          to: destination, from: source.map { Endpoint($0, 0) }, timeLimit: timeLimit)
        return try TCPSocket.readAll(socket, timeLimit: timeLimit)
      }
      guard let answer = Answer(line: String(decoding: line, as: UTF8.self)) else {
        return .failed(SystemError("read", "\(destination)", .badMessage))
      }
      return .answered(answer)
    } catch let error where error.errno == .connectionRefused {
      return .refused
    } catch let error where error.errno == .timedOut {
      return .timedOut
    } catch {
      return .failed(error)
    }
  }
}
