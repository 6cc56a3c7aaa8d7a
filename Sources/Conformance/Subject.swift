package import CNI
import JSON
package import System

/// The plugin that a run is about.
package struct Subject: Sendable {
  /// The binary.
  package let path: String
  package let manifest: Manifest
  /// The versions that it lists, oldest first.
  package let versions: [SpecVersion]
  /// Where delegates and predecessors are found, in this order.
  package let pluginFolders: [String]

  /// - Parameter versions: What it is to be asked in; nil asks the plugin.
  package init(
    path: String, manifest: Manifest, pluginFolders: [String] = ["/usr/lib/cni", "/opt/cni/bin"],
    versions: [SpecVersion]? = nil
  ) throws(SystemError) {
    self.path = path
    self.manifest = manifest
    self.pluginFolders = pluginFolders
    let listed = try Self.listedVersions(of: path)
    self.versions = versions.map { asked in listed.filter(asked.contains) } ?? listed
  }

  /// What VERSION answers. A plugin that gives no list is asked in all versions, and fails VER-01.
  private static func listedVersions(of path: String) throws(SystemError) -> [SpecVersion] {
    let outcome = try runChild(
      path, arguments: [],
      environment: [
        "CNI_COMMAND": "VERSION", "CNI_NETNS": "dummy", "CNI_IFNAME": "dummy", "CNI_PATH": "dummy",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
      ],
      standardInput: Array(#"{"cniVersion":"1.0.0"}"#.utf8), timeLimit: .seconds(10))
    let texts = (try? JSONValue(parsing: outcome.standardOutput))?["supportedVersions"]?.array?.compactMap(\.string)
    let versions = SpecVersion.allSupported.filter { texts?.contains($0.rawValue) == true }
    return versions.isEmpty ? SpecVersion.allSupported : versions
  }

  var role: Role { manifest.role }

  /// Whether it changes what others have made, so that it needs something to change.
  var isChained: Bool { role == .chained || role == .redirect }
}
