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
    umask(0o022)
    CurrentProcess.ignoreBrokenPipes()
    let environment = CurrentProcess.environment
    var input: [UInt8] = []
    do throws(Failure) {
      let invocation = try Invocation(environment: environment)
      if invocation.command == .VERSION {
        // Probes may send nothing and close nothing.
        input = (try? read(patience: .milliseconds(100))) ?? []
        finish(.object(VersionReply.reply(to: NetworkConfiguration.version(in: input))))
      }
      input = try read()
      let request = try Request(invocation, input: input, environment: environment)
      finish(try request.serve().map(JSONValue.object))
    } catch {
      CurrentProcess.writeStandardError(Array("model-cni: \(error.message): \(error.details)\n".utf8))
      // Who does not read the answer does not read about the failure either.
      try? CurrentProcess.writeStandardOutput(error.serialized(version: NetworkConfiguration.version(in: input)))
      CurrentProcess.exit(1)
    }
  }

  private static func read(patience: Duration? = nil) throws(Failure) -> [UInt8] {
    try attempting("read the network configuration", code: .decoding) {
      try CurrentProcess.readStandardInput(limit: NetworkConfiguration.maximumByteCount, patience: patience)
    }
  }

  private static func finish(_ answer: JSONValue?) -> Never {
    let text = answer.map { $0.serialized() + [UInt8(ascii: "\n")] } ?? []
    do {
      try CurrentProcess.writeStandardOutput(text)
    } catch {
      // The runtime cannot have read the answer, so it must not take this for a success.
      CurrentProcess.exit(1)
    }
    CurrentProcess.exit(0)
  }
}
