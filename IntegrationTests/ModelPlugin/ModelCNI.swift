import CLinux
import CNI
import FaultTable
import Glibc
import JSON
import System

/// A CNI plugin that does what the conformance catalogue asks, in whichever role its configuration gives it, so that
/// the suite can be seen to pass; and that commits the fault in `MODEL_CNI_FAULT`, so that the suite can be seen to
/// fail.
@main
enum ModelCNI {
  static func main() {
    // State is neither readable for others nor unreadable for us, whatever the runtime was started with.
    if fault != .obeysUmask { umask(0o022) }
    CurrentProcess.ignoreBrokenPipes()
    let given = CurrentProcess.environment
    var input: [UInt8] = []
    do throws(Failure) {
      let environment = try misread(given)
      let invocation = try Invocation(environment: environment)
      if invocation.command == .VERSION {
        finish(try version(&input))
        CurrentProcess.exit(0)
      }
      input = if let wrong = misreadStandardInput() { wrong } else { try read() }
      let request = try Request(invocation, input: input, environment: environment)
      let answer = try request.serve()
      let output = misprint(answer.map { JSONValue.object(misstate($0, request)).line } ?? [], request)
      let leavesAFile = fault == .leavesAFileWhilePrinting && invocation.command == .ADD
      if leavesAFile { try request.leaveAFile("printing") }
      finish(output)
      if leavesAFile { try removeState("\(request.notes())/printing") }
      CurrentProcess.exit(0)
    } catch {
      CurrentProcess.writeStandardError(Array("model-cni: \(error.message): \(error.details)\n".utf8))
      var output = error.serialized(version: NetworkConfiguration.version(in: input))
      let status = misreport(error, &output, input: input, command: given["CNI_COMMAND"])
      // Who does not read the answer does not read about the failure either.
      try? CurrentProcess.writeStandardOutput(output)
      CurrentProcess.exit(status)
    }
  }

  private static func version(_ input: inout [UInt8]) throws(Failure) -> [UInt8] {
    if fault == .insistsOnInputForVersion {
      input = try read()
      _ = try attempting("read the request", code: .decoding) { try JSONValue(parsing: input) }
    } else {
      // Probes may send nothing and close nothing.
      input = (try? read(patience: .milliseconds(100))) ?? []
    }
    var reply = VersionReply.reply(to: NetworkConfiguration.version(in: input))
    if fault == .listsNoVersions { reply["supportedVersions"] = [] }
    if fault == .answersVersionWithAConstant { reply["cniVersion"] = "1.0.0" }
    return JSONValue.object(reply).line
  }

  private static func read(patience: Duration? = nil) throws(Failure) -> [UInt8] {
    try attempting("read the network configuration", code: .decoding) {
      try CurrentProcess.readStandardInput(limit: NetworkConfiguration.maximumByteCount, patience: patience)
    }
  }

  private static func finish(_ output: [UInt8]) {
    do {
      try CurrentProcess.writeStandardOutput(output)
    } catch {
      // The runtime cannot have read the answer, so it must not take this for a success.
      if fault != .succeedsWithoutReader { CurrentProcess.exit(1) }
    }
  }
}

extension JSONValue {
  fileprivate var line: [UInt8] { serialized() + [UInt8(ascii: "\n")] }
}
