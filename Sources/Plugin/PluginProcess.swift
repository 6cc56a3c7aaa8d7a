import CNI
import System

/// The plugin as a process: environment and standard input in, standard output, standard error and status out.
package enum PluginProcess {
  /// Serves the one invocation this process was started for, and ends it.
  package static func run() -> Never {
    let started = ContinuousClock.now
    CurrentProcess.ignoreBrokenPipes()
    let outcome = Plugin.run(environment: CurrentProcess.environment, started: started) { patience in
      Result { () throws(SystemError) in
        try CurrentProcess.readStandardInput(limit: NetworkConfiguration.maximumByteCount, patience: patience)
      }
    }
    CurrentProcess.writeStandardError(outcome.standardError)
    do throws(SystemError) {
      try CurrentProcess.writeStandardOutput(outcome.standardOutput)
    } catch {
      // The runtime cannot have read the answer, so it must not take this for a success.
      CurrentProcess.exit(1)
    }
    outcome.record?.send()
    CurrentProcess.exit(outcome.exitStatus)
  }
}
