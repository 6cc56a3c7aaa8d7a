import CNI
import JSON
import MeshPod
package import System
import SystemPackage

/// The CNI plugin, as a function from what a runtime hands to a plugin to what a plugin hands back.
package enum Plugin {
  /// What goes back to the runtime.
  package struct Outcome: Sendable, Equatable {
    package var standardOutput: [UInt8]
    package var standardError: [UInt8]
    package var exitStatus: CInt
    /// What the agent is told, if the configuration says where it listens.
    package var record: InvocationRecord?

    fileprivate init(_ request: Request, standardOutput: [UInt8], exitStatus: CInt) {
      let log = request.finishedLog()
      let line = log.line
      self.standardOutput = standardOutput
      self.exitStatus = exitStatus
      standardError = log.passes(request.logThreshold) ? line : []
      record = request.runDirectory.map { InvocationRecord(socket: $0.recordSocket, line: line) }
    }

    fileprivate init(version reply: [UInt8]) {
      standardOutput = reply
      standardError = []
      exitStatus = 0
    }
  }

  /// Serves one invocation.
  ///
  /// - Parameters:
  ///   - environment: the whole environment; only `CNI_*` and `TRACEPARENT` are looked at, and `PATH` should the iptables
  ///     back end be needed.
  ///   - started: when the process began; every deadline counts from here.
  ///   - uptime: since the node booted; STATUS counts from then how long it has been failing.
  ///   - readInput: reads standard input, to its end or for as long as it is told to wait.
  package static func run(
    environment: [String: String], started: ContinuousClock.Instant, uptime: Duration = timeSinceBoot(),
    readInput: (_ patience: Duration?) -> Result<[UInt8], SystemError>
  ) -> Outcome {
    let path = environment["PATH"] ?? ""
    var request = Request(
      started: started, uptime: uptime, programFolders: path.split(separator: ":").map { String($0) })
    do throws(Failure) {
      let invocation = try Invocation(environment: environment)
      if invocation.command == .VERSION {
        // Asked for by people and probes that send nothing and close nothing: what is there at once is enough.
        let asked = (try? readInput(.milliseconds(100)).get()).flatMap(NetworkConfiguration.version)
        return Outcome(version: line(VersionReply.reply(to: asked)))
      }
      request.log["command"] = .string(invocation.command.rawValue)
      request.log["container"] = invocation.containerID.isEmpty ? nil : .string(invocation.containerID)
      request.log["traceparent"] = invocation.traceParent.map { .string($0) }
      request.input = try input(readInput)
      let answer = try request.serve(invocation)
      return Outcome(request, standardOutput: answer.map(line) ?? [], exitStatus: 0)
    } catch {
      request.log.raise(to: .error)
      request.log["code"] = .number(JSONNumber(error.code.rawValue))
      request.log["error"] = .string(error.message)
      request.log["details"] = error.details.isEmpty ? nil : .string(error.details)
      return Outcome(
        request, standardOutput: error.serialized(version: NetworkConfiguration.version(in: request.input)),
        exitStatus: 1)
    }
  }

  private static func input(
    _ readInput: (_ patience: Duration?) -> Result<[UInt8], SystemError>
  ) throws(Failure) -> [UInt8] {
    do throws(SystemError) {
      return try readInput(nil).get()
    } catch let error where error.errno == .fileTooLarge {
      throw Failure(
        code: .decoding,
        message: "cannot read the network configuration: longer than \(NetworkConfiguration.maximumByteCount) bytes",
        details: "a configuration of this size is a mistake; look at what writes the CNI configuration folder")
    } catch {
      throw Failure(
        code: .io, message: "cannot read the network configuration from standard input",
        details: "\(error); the runtime must hand it over on a readable standard input")
    }
  }

  private static func line(_ object: JSONObject) -> [UInt8] {
    JSONValue.object(object).serialized(.compact) + [UInt8(ascii: "\n")]
  }
}
