import System
import SystemPackage

/// A ConfigMap as kubelet mounts it: a file a key, all of them behind one link that is swapped when it changes.
package struct MountedConfigMap: Sendable, Equatable {
  /// What the API server allows a ConfigMap to hold in all, bytes.
  private static let sizeLimit = 1 << 20
  /// A swap takes an instant, and the next one is a minute away.
  private static let attemptCount = 5

  /// The values by key.
  package let values: [String: String]

  /// Reads the folder; nil if there is none.
  ///
  /// - Throws: what keeps a value from being read, so that half a ConfigMap never counts.
  package init?(folder: String) throws(ConfigMapFault) {
    guard isFolder(folder) else { return nil }
    for attempt in 1...Self.attemptCount {
      do throws(ConfigMapFault) {
        let version = Self.version(of: folder)
        let values = try Self.values(in: folder)
        // Swapped while it was read: the values may be of two versions.
        guard version == Self.version(of: folder) else { continue }
        self.values = values
        return
      } catch {
        guard error.isPassing, attempt < Self.attemptCount else { throw error }
      }
    }
    throw ConfigMapFault("the ConfigMap in \(folder) changes faster than it can be read", isPassing: true)
  }

  /// What kubelet's link points at; nil in a folder that somebody else made.
  private static func version(of folder: String) -> String? {
    // That there is no link is the answer.
    try? readLink("\(folder)/..data")
  }

  private static func values(in folder: String) throws(ConfigMapFault) -> [String: String] {
    var values: [String: String] = [:]
    var size = 0
    for name in try listed(folder).sorted() where !name.hasPrefix("..") && !isFolder("\(folder)/\(name)") {
      let bytes: [UInt8]
      do throws(SystemError) {
        bytes = try readFile("\(folder)/\(name)", limit: sizeLimit)
      } catch {
        throw ConfigMapFault(
          "cannot read key \(name) of the ConfigMap: \(error)", isPassing: error.errno == .noSuchFileOrDirectory)
      }
      size += bytes.count
      guard size <= sizeLimit else { throw ConfigMapFault("the ConfigMap in \(folder) holds more than 1 MiB") }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw ConfigMapFault("key \(name) of the ConfigMap in \(folder) is not UTF-8")
      }
      values[name] = text
    }
    return values
  }

  private static func listed(_ folder: String) throws(ConfigMapFault) -> [String] {
    do throws(SystemError) {
      // The last part may be a link itself, which the listing does not follow.
      return try names(inFolder: "\(folder)/.")
    } catch {
      throw ConfigMapFault("cannot read the ConfigMap: \(error)", isPassing: error.errno == .noSuchFileOrDirectory)
    }
  }
}

/// Why a ConfigMap cannot be read.
package struct ConfigMapFault: Error, Sendable, Equatable {
  package let problem: String
  /// Whether reading it again at once may succeed.
  let isPassing: Bool

  init(_ problem: String, isPassing: Bool = false) {
    self.problem = problem
    self.isPassing = isPassing
  }
}

extension ConfigMapFault: CustomStringConvertible {
  package var description: String { problem }
}
