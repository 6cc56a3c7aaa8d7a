import CNI
import JSON
import Kubernetes
import System
import SystemPackage

/// What the plugin and the runtime have noted about attachments that are still to be deleted.
///
/// The plugin has a record of each that it redirected, at `attachments/NETWORK/CNI_IFNAME/CNI_CONTAINERID` in the run
/// directory. libcni has a file of each in `results` of its cache, with the list of plugins at the time, in base64, which
/// CRI-O deletes with. Multus has what it delegated to in `multus`.
struct RuntimeMemory {
  let layout: NodeLayout

  /// Enough for a person to know where to look.
  private static let nameLimit = 20
  /// 16 MiB: a list of 4 MiB in base64, and the result.
  private static let sizeLimit = 16 << 20

  /// Who may still make the runtime call the plugin.
  func need() -> PluginNeed {
    var names: [String] = []
    do throws(SystemError) {
      names += try attachments()
      // Without the folder it is not known either: it may be there on the node, and not in the agent's mounts.
      _ = try System.names(inFolder: "\(layout.cacheFolder)/.")
      for folder in ["results", "cache", "multus"] where names.count < Self.nameLimit {
        names += try cached(in: "\(layout.cacheFolder)/\(folder)")
      }
    } catch {
      if names.isEmpty { return .unknown("cannot read what the runtime remembers: \(error)") }
    }
    return names.isEmpty ? .none : .attachments(Array(names.prefix(Self.nameLimit)))
  }

  private func attachments() throws(SystemError) -> [String] {
    let folder = layout.shared.attachments
    var names: [String] = []
    for network in try contents(folder) {
      for interface in try contents("\(folder)/\(network)") {
        for container in try contents("\(folder)/\(network)/\(interface)")
        where try !isForgotten("\(network)-\(container)-\(interface)") {
          names.append("\(network)/\(interface)/\(container)")
        }
      }
    }
    return names
  }

  /// Whether libcni, which keeps a file of this name until the attachment is deleted, has none.
  ///
  /// A record stays where the attachment was deleted by a list without us: containerd uses that of today.
  private func isForgotten(_ result: String) throws(SystemError) -> Bool {
    let folder = "\(layout.cacheFolder)/results"
    guard try exists(folder) else { return false }
    return try !exists("\(folder)/\(result)")
  }

  private func cached(in folder: String) throws(SystemError) -> [String] {
    var found: [String] = []
    for name in try contents(folder) where !isFolder("\(folder)/\(name)") {
      let bytes: [UInt8]
      do throws(SystemError) {
        bytes = try readFile("\(folder)/\(name)", limit: Self.sizeLimit)
      } catch let error where error.errno == .noSuchFileOrDirectory {
        continue
      }
      if Self.namesPlugin(bytes) { found.append(name) }
      if found.count == Self.nameLimit { break }
    }
    return found
  }

  /// The names in a folder, sorted; none if it is not there, or no folder.
  private func contents(_ folder: String) throws(SystemError) -> [String] {
    do throws(SystemError) {
      return try names(inFolder: folder).sorted()
    } catch let error where error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory {
      return []
    }
  }

  // MARK: Content

  /// Whether a plugin's configuration with our type is anywhere in the text of a cache file.
  static func namesPlugin(_ bytes: [UInt8]) -> Bool {
    // What is cut short cannot be told apart from what names us further on.
    guard let value = try? JSONValue(parsing: bytes) else {
      return bytes.contains(Array("\"\(NodeLayout.pluginName)\"".utf8))
    }
    return namesPlugin(value)
  }

  private static func namesPlugin(_ value: JSONValue) -> Bool {
    switch value {
    case .object(let object):
      if object["type"]?.string == NodeLayout.pluginName { return true }
      return object.members.contains { member in
        // Bytes in Go, hence in base64: libcni's list, and that of a delegate of Multus.
        if ["config", "Bytes"].contains(member.key), let text = member.value.string, let bytes = Base64.decode(text) {
          return namesPlugin(bytes)
        }
        return namesPlugin(member.value)
      }
    case .array(let elements): return elements.contains(where: namesPlugin)
    case .null, .bool, .number, .string: return false
    }
  }
}
