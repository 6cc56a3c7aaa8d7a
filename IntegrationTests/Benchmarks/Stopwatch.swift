import Glibc
import System
import SystemPackage

/// One run of a program as a whole process.
struct Run {
  let wall: Duration
  /// The largest resident set, in KiB, as `wait4` reports it.
  let peakMemory: Int
}

/// Starts programs from the calling thread and measures them from outside.
enum Stopwatch {
  /// - Parameter input: A file that becomes standard input.
  /// - Throws: `SystemError` when the program cannot be started or does not end with status 0.
  static func run(
    _ command: [String], environment: [String: String], input: String
  ) throws(SystemError) -> Run {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    let arguments = command.map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in arguments + variables { free(text) } }

    var pid = pid_t()
    let start = ContinuousClock.now
    let code = posix_spawn(&pid, command[0], &actions, nil, arguments, variables)
    guard code == 0 else { throw SystemError("posix_spawn", command[0], Errno(rawValue: code)) }
    var status: CInt = 0
    var usage = rusage()
    guard wait4(pid, &status, 0, &usage) == pid, status == 0 else {
      throw SystemError("run", command.joined(separator: " "), .canceled)
    }
    return Run(wall: ContinuousClock.now - start, peakMemory: usage.ru_maxrss)
  }
}
