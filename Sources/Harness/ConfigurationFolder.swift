import JSON
package import System
import SystemPackage

/// What a runtime finds in its configuration folder.
package struct ConfigurationFolder: Sendable, Equatable {
  /// Content by path below the folder: `10-mesh.conflist`, and `mesh/20-more.conf` for a plugin of the network `mesh`.
  package let files: [String: [UInt8]]

  package init(files: [String: [UInt8]]) {
    self.files = files
  }

  /// Reads the configurations of a folder and of its immediate subfolders; one that does not exist is empty. Run this on
  /// the node whose folder it is.
  package init(reading path: String) throws(SystemError) {
    var files: [String: [UInt8]] = [:]
    for entry in try Self.entries(of: path) {
      let names =
        isFolder("\(path)/\(entry)") ? try Self.entries(of: "\(path)/\(entry)").map { "\(entry)/\($0)" } : [entry]
      for name in names where Self.endings.contains(where: name.hasSuffix) && !isFolder("\(path)/\(name)") {
        files[name] = try readFile("\(path)/\(name)", limit: 16 << 20)
      }
    }
    self.files = files
  }

  private static let endings = [".conflist", ".conf", ".json"]

  /// The list that a runtime uses: of the files that can be one, the first in the order of their names that loads.
  ///
  /// Source: the choice of containernetworking/cni's `ConfFiles` and of Kubernetes runtimes; containerd's go-cni does not
  /// go on after a file that is broken, ocicni does.
  ///
  /// - Throws: What is wrong with the first file when none loads.
  package func list() throws(NetworkListError) -> NetworkList {
    let candidates = names(in: "", endingIn: Self.endings)
    var first = NetworkListError(file: "the folder", key: nil, reason: "has no network configuration")
    for (index, file) in candidates.enumerated() {
      do throws(NetworkListError) {
        return try list(in: file)
      } catch {
        if index == 0 { first = error }
      }
    }
    throw first
  }

  /// The list in one file, by its ending a list already or a single plugin.
  package func list(in file: String) throws(NetworkListError) -> NetworkList {
    guard let bytes = files[file] else { throw NetworkListError(file: file, key: nil, reason: "not there") }
    return file.hasSuffix(".conflist")
      ? try NetworkList(parsing: bytes, file: file, in: self) : try NetworkList(parsingPlugin: bytes, file: file)
  }

  /// The plugins that a network has beside those of its list: its folder's `.conf` files, in the order of their names.
  func plugins(of network: String) throws(NetworkListError) -> [JSONObject] {
    var plugins: [JSONObject] = []
    for file in names(in: "\(network)/", endingIn: [".conf"]) {
      let reader = try ConfigurationReader(parsing: files[file] ?? [], file: file)
      _ = try reader.requiredString("type")
      plugins.append(reader.object)
    }
    return plugins
  }

  /// The files of a folder in the byte order of their names.
  private func names(in folder: String, endingIn endings: [String]) -> [String] {
    files.keys.filter { path in
      path.hasPrefix(folder) && !path.dropFirst(folder.count).contains("/") && endings.contains { path.hasSuffix($0) }
    }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func entries(of path: String) throws(SystemError) -> [String] {
    do throws(SystemError) {
      return try System.names(inFolder: path)
    } catch let error where error.errno == .noSuchFileOrDirectory {
      return []
    }
  }
}
