import FaultTable
import Glibc
import System

/// The fault that this process commits; nil for a plugin that is right.
let fault: Fault? = {
  guard let name = CurrentProcess.environment["MODEL_CNI_FAULT"], !name.isEmpty else { return nil }
  guard let fault = Fault(rawValue: name) else {
    CurrentProcess.writeStandardError(Array("model-cni: there is no fault \(name)\n".utf8))
    CurrentProcess.exit(126)
  }
  return fault
}()

/// Ends the process as a program ends that met what it did not expect: by a signal, and without a word to the runtime.
func crash() -> Never {
  CurrentProcess.writeStandardError(Array("model-cni: panic: committing \(fault?.rawValue ?? "")\n".utf8))
  signal(SIGABRT, SIG_DFL)
  kill(getpid(), SIGABRT)
  CurrentProcess.exit(2)
}

/// Starts a shell that outlives this process, with all that it has open and in the namespaces of the calling thread.
func startInBackground(_ script: String) {
  var pid: pid_t = 0
  let words: [String] = ["sh", "-c", script]
  var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
  arguments.append(nil)
  posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, nil)
}

/// Runs a shell to its end, in the namespaces of the calling thread.
func runShell(_ script: String) throws(SystemError) {
  _ = try runChild(
    "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
    timeLimit: .seconds(10))
}

/// Holds up what goes on.
func pause(milliseconds: UInt32) {
  usleep(milliseconds * 1000)
}
