package import CLinux
import Glibc
import SystemPackage

/// A file descriptor with one owner, closed when the owner goes.
package struct OwnedDescriptor: ~Copyable, Sendable {
  private let rawValue: CInt

  /// Takes over a descriptor that nobody else closes.
  package init(owning rawValue: CInt) {
    self.rawValue = rawValue
  }

  deinit {
    // The safety net for paths that throw; who must know whether the data arrived calls `close`.
    _ = Glibc.close(rawValue)
  }

  /// Opens a file, closed on exec.
  ///
  /// - Parameter flags: `O_RDONLY`, `O_CREAT` and so on; `O_CLOEXEC` is added.
  package static func open(
    _ path: String, _ flags: CInt, mode: mode_t = 0
  ) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(
      owning: try retrying("open", path) { unsafe clinux_open(path, flags | O_CLOEXEC, mode) })
  }

  /// Makes a pipe, both ends closed on exec.
  package static func pipe() throws(SystemError) -> DescriptorPair {
    var ends: [CInt] = [-1, -1]
    try retrying("pipe2", "O_CLOEXEC") { unsafe clinux_pipe(&ends) }
    return DescriptorPair(
      reader: OwnedDescriptor(owning: ends[0]), writer: OwnedDescriptor(owning: ends[1]))
  }

  /// Lends the number for as long as `body` runs.
  package borrowing func withRawValue<R: ~Copyable, E: Error>(_ body: (CInt) throws(E) -> R) throws(E) -> R {
    try body(rawValue)
  }

  /// Gives the descriptor away; the caller closes it.
  package consuming func take() -> CInt {
    let rawValue = rawValue
    discard self
    return rawValue
  }

  /// Closes the descriptor and reports what the kernel says.
  ///
  /// Never retried: after `EINTR` Linux has closed the descriptor, and its number may already be another file's.
  package consuming func close() throws(SystemError) {
    let rawValue = take()
    let result = Glibc.close(rawValue)
    let errno = Errno(rawValue: Glibc.errno)
    guard result == 0 || errno == .interrupted else {
      throw SystemError("close", "descriptor \(rawValue)", errno)
    }
  }
}

/// The two ends of a pipe.
package struct DescriptorPair: ~Copyable, Sendable {
  package var reader: OwnedDescriptor
  package var writer: OwnedDescriptor
}

extension OwnedDescriptor {
  /// Reads up to `capacity` bytes, as many as one call gives; none means the end of the file.
  package borrowing func read(_ capacity: Int) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      do throws(SystemError) {
        count = try retrying("read", "descriptor \(rawValue)") {
          unsafe Glibc.read(rawValue, buffer.baseAddress, capacity)
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads to the end of the file.
  ///
  /// - Parameter limit: bytes; one more throws `EFBIG`.
  package borrowing func readAll(limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let chunk = try read(min(limit - bytes.count + 1, 1 << 16))
      if chunk.isEmpty { return bytes }
      bytes += chunk
      if bytes.count > limit {
        throw SystemError("read", "more than \(limit) bytes", .fileTooLarge)
      }
    }
  }

  /// Writes what one call takes, and returns the number of bytes.
  package borrowing func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
    try retrying("write", "descriptor \(rawValue)") {
      unsafe bytes.withUnsafeBytes { unsafe Glibc.write(rawValue, $0.baseAddress, $0.count) }
    }
  }

  /// Writes all of `bytes`, in as many calls as that takes.
  package borrowing func writeAll(_ bytes: [UInt8]) throws(SystemError) {
    var rest = bytes[...]
    while !rest.isEmpty { rest = rest.dropFirst(try write(rest)) }
  }

  /// Makes reads and writes fail with `EAGAIN` where they would wait.
  borrowing func setNonBlocking() throws(SystemError) {
    try retrying("fcntl", "F_SETFL O_NONBLOCK") { clinux_set_flags(rawValue, O_NONBLOCK) }
  }
}

/// Reads a whole file.
///
/// - Parameter limit: bytes; a longer file throws `EFBIG`.
package func readFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
  let file = try OwnedDescriptor.open(path, O_RDONLY)
  do throws(SystemError) {
    return try file.readAll(limit: limit)
  } catch {
    throw SystemError("read", path, error.errno)
  }
}
