import Synchronization
import System
import SystemPackage

/// Whether the runtime's folders hold the plugin that is to be installed.
///
/// Two files that have been compared are not read again as long as neither has changed.
final class BinaryComparison: Sendable {
  /// The mode of the installed plugin.
  static let mode: UInt32 = 0o755

  private struct Compared: Equatable {
    let source: FileIdentity
    let target: FileIdentity
    let isSame: Bool
  }

  private let compared = Mutex<[String: Compared]>([:])

  /// Compares the files at `paths` with the one at `source`.
  ///
  /// - Returns: Why the source cannot be read, if so, and what was found at each path.
  func compare(
    _ paths: [String], with source: String, now: Duration
  ) -> (source: SystemError?, binaries: [String: Found.Binary]) {
    let readability = Result { () throws(SystemError) in try readableIdentity(of: source) }
    var binaries: [String: Found.Binary] = [:]
    for path in paths { binaries[path] = compare(path, with: source, readability, now) }
    if case .failure(let error) = readability { return (error, binaries) }
    return (nil, binaries)
  }

  private func compare(
    _ path: String, with source: String, _ readability: Result<FileIdentity, SystemError>, _ now: Duration
  ) -> Found.Binary {
    let target: FileIdentity
    do throws(SystemError) {
      guard try exists(path) else { return .missing }
      target = try FileIdentity(of: path)
    } catch let error where error.errno == .noSuchFileOrDirectory {
      // A link to nowhere, which cannot be run and is in the way of nothing.
      return .different
    } catch {
      return .unreadable(error)
    }
    guard case .success(let sourceIdentity) = readability else { return .different }
    guard target.mode == Self.mode, target.size == sourceIdentity.size else { return .different }
    if let known = compared.withLock({ $0[path] }), known.source == sourceIdentity, known.target == target {
      return known.isSame ? .same : .different
    }
    do throws(SystemError) {
      let isSame = try haveSameContent(source, path)
      // A change within the same tick of the kernel's clock would not show.
      if [sourceIdentity, target].allSatisfy({ now - $0.changed > .milliseconds(50) }) {
        compared.withLock { $0[path] = Compared(source: sourceIdentity, target: target, isSame: isSame) }
      }
      return isSame ? .same : .different
    } catch {
      return .unreadable(error)
    }
  }

  private func readableIdentity(of path: String) throws(SystemError) -> FileIdentity {
    try checkReadable(path)
    return try FileIdentity(of: path)
  }
}
