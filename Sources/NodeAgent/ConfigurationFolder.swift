package import CNI
import Glibc
package import System
import SystemPackage

/// The runtime's folder of network configurations, as it was read.
package struct ConfigurationFolder: Sendable {
  /// A file that runtimes may load, and what it holds.
  package struct Entry: Sendable {
    package let file: ConfigurationFile
    package let content: Result<NetworkConfigurationFile, ConfigurationFault>

    /// Reads the content of `file`.
    package init(_ file: ConfigurationFile) {
      self.file = file
      content = file.content
    }

    package var name: String { file.name }
  }

  /// A name that could not be read, and why.
  package struct Unreadable: Sendable, Equatable {
    package let name: String
    package let error: SystemError

    package init(name: String, error: SystemError) {
      self.name = name
      self.error = error
    }
  }

  /// The regular files, or links to such, called `.conf` or `.conflist`, in the byte order of their names, in which
  /// runtimes look at them.
  package let entries: [Entry]
  /// Files called `.conf` or `.conflist` that Cilium has taken out of use by adding `.cilium_bak` to their names.
  package let setAside: [Entry]
  /// All other names, folders and `.json` files included.
  package let others: [String]
  /// The folders, a network of whose name may have plugins there.
  package let folders: Set<String>
  /// Names of `.conf` and `.conflist` files that could not be read.
  package let unreadable: [Unreadable]

  /// Makes a folder of what was read; `files` may come in any order, and all names that are not for `entries` or
  /// `setAside` go to `others`.
  package init(files: [ConfigurationFile], others: [String] = [], folders: [String] = [], unreadable: [Unreadable] = [])
  {
    let sorted = files.sorted { $0.name.sortsBefore($1.name) }
    entries = sorted.filter { $0.name.isConfiguration }.map(Entry.init)
    setAside = sorted.filter { $0.name.isSetAside }.map(Entry.init)
    self.others = (others + folders + sorted.map(\.name).filter { !$0.isConfiguration && !$0.isSetAside }).sorted {
      $0.sortsBefore($1)
    }
    self.folders = Set(folders)
    self.unreadable = unreadable.sorted { $0.name.sortsBefore($1.name) }
  }

  /// The longest file that is read, in bytes: as much as the plugin takes from a runtime.
  private static let sizeLimit = NetworkConfiguration.maximumByteCount

  /// Reads the folder at `path`, which may be a link.
  ///
  /// A file that goes away meanwhile is not there. One that cannot be read is in ``unreadable``.
  ///
  /// - Throws: why the folder cannot be read.
  package init(path: String) throws(SystemError) {
    var files: [ConfigurationFile] = []
    var others: [String] = []
    var folders: [String] = []
    var unreadable: [Unreadable] = []
    // With the dot a link is followed.
    for name in try names(inFolder: "\(path)/.") {
      let file = "\(path)/\(name)"
      if isFolder(file) {
        folders.append(name)
        continue
      }
      guard name.isConfiguration || name.isSetAside else {
        others.append(name)
        continue
      }
      do throws(SystemError) {
        let identity = try FileIdentity(of: file)
        guard isRegularFile(file) else {
          others.append(name)
          continue
        }
        files.append(
          ConfigurationFile(name: name, bytes: try readFile(file, limit: Self.sizeLimit), identity: identity))
      } catch {
        // What cannot be told to be gone is there.
        if (try? exists(file)) != false, name.isConfiguration {
          unreadable.append(Unreadable(name: name, error: error))
        }
      }
    }
    self.init(files: files, others: others, folders: folders, unreadable: unreadable)
  }

  /// The entry called `name`.
  package subscript(name: String) -> Entry? { entries.first { $0.name == name } }
}

extension String {
  /// Whether runtimes look at this name before `other`: they compare bytes.
  func sortsBefore(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }

  /// Whether a file of this name can be chosen. Runtimes read `.json` as well, but nobody who installs a CNI plugin
  /// has called a network configuration so for years, and other things are called so.
  var isConfiguration: Bool { hasSuffix(".conf") || hasSuffix(".conflist") }

  /// What Cilium adds to the names of other plugins' files when it is to be the only one.
  static let setAsideEnding = ".cilium_bak"

  var isSetAside: Bool { hasSuffix(Self.setAsideEnding) && String(dropLast(Self.setAsideEnding.count)).isConfiguration }
}
