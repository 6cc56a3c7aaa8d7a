import CLinux
import Glibc
import SystemPackage

/// What the process was started with, and its standard streams.
package enum CurrentProcess {
  /// The environment; of variables that occur twice the first counts, as in `getenv`.
  package static var environment: [String: String] {
    var variables: [String: String] = [:]
    var entry = unsafe clinux_environment()
    while let text = unsafe entry?.pointee {
      if let sign = unsafe strchr(text, CInt(UInt8(ascii: "="))) {
        // As bytes: to split a string costs the plugin's start more than all else that is done with the environment.
        let name = unsafe UnsafeRawBufferPointer(start: text, count: sign - text)
        let key = unsafe String(decoding: name, as: UTF8.self)
        if variables[key] == nil { unsafe variables[key] = String(cString: sign + 1) }
      }
      unsafe entry = entry?.advanced(by: 1)
    }
    return variables
  }

  package static var isRoot: Bool { geteuid() == 0 }

  /// The number by which others find it under /proc.
  package static var identifier: CInt { getpid() }

  /// Reads standard input to its end.
  ///
  /// - Parameters:
  ///   - limit: bytes; one more throws `EFBIG`.
  ///   - patience: how long to wait for the end; what has arrived by then is returned. Nil waits for ever.
  package static func readStandardInput(limit: Int, patience: Duration? = nil) throws(SystemError) -> [UInt8] {
    let deadline = patience.map { ContinuousClock.now + $0 }
    var bytes: [UInt8] = []
    // One page, which holds the usual configuration: a larger one would be zeroed first, page by page.
    var chunk = [UInt8](repeating: 0, count: 1 << 12)
    while true {
      if let deadline, try !waitUntilReadable([STDIN_FILENO], for: deadline - .now)[0] { return bytes }
      let count = try retrying("read", "standard input") {
        unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count) }
      }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
      if bytes.count > limit { throw SystemError("read", "standard input", .fileTooLarge) }
    }
  }

  /// Writes all of `bytes` to standard output.
  package static func writeStandardOutput(_ bytes: [UInt8]) throws(SystemError) {
    try write(bytes, to: STDOUT_FILENO, name: "standard output")
  }

  /// Writes what standard error takes; a reader that went away is nobody's loss.
  package static func writeStandardError(_ bytes: [UInt8]) {
    // Nothing is left to tell the failure to.
    try? write(bytes, to: STDERR_FILENO, name: "standard error")
  }

  private static func write(_ bytes: [UInt8], to descriptor: CInt, name: String) throws(SystemError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = try retrying("write", name) {
        unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Makes a write to a pipe that nobody reads an error (`EPIPE`) instead of the process's death.
  package static func ignoreBrokenPipes() {
    signal(SIGPIPE, SIG_IGN)
  }

  /// Lets go of the pages of the program itself that are mapped, most of which its start alone has touched: the Swift
  /// runtime looks through all types once. What is needed again comes back from the page cache, without reading a file.
  ///
  /// Source: `MADV_DONTNEED` in madvise(2); code is mapped privately and never written to.
  package static func releaseProgramPages() throws(SystemError) {
    try retrying("madvise", "the program's code") { clinux_release_program() }
  }

  /// Ends the process without running exit handlers.
  package static func exit(_ status: CInt) -> Never {
    _exit(status)
  }
}
