import CNI
import Foundation
import JSON
import Testing

/// The files that other CNI plugins leave on nodes: `fixtures/conflist`.
@Suite struct ConflistFixtureTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
    path: "../../fixtures/conflist", directoryHint: .isDirectory
  ).standardized

  static let vendors = [
    "antrea", "aws-vpc-cni", "azure", "bridge-crlf", "calico", "cilium", "flannel", "gke", "kindnet", "multus",
    "multus-thick", "ovn-kubernetes", "weave",
  ]

  static func entry() throws -> JSONObject {
    try #require(JSONValue(parsing: bytes("entry.json")).object)
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: folder.appending(path: path)))
  }

  /// The file as it comes, and the ending of its name.
  static func before(_ vendor: String) throws -> (bytes: [UInt8], ending: String) {
    let isList = FileManager.default.fileExists(atPath: folder.appending(path: "\(vendor)/before.conflist").path)
    let ending = isList ? "conflist" : "conf"
    return (try bytes("\(vendor)/before.\(ending)"), ending)
  }

  static func edit(_ bytes: [UInt8], _ ending: String) throws(ConfigurationFault) -> ConflistEdit {
    let kind: NetworkConfigurationFile.Kind = ending == "conflist" ? .list : .plugin
    return ConflistEdit(of: try NetworkConfigurationFile(parsing: bytes, kind: kind), type: "istio-cni")
  }

  /// The file in `fixtures`, or what it is from now on.
  static func expected(_ path: String, found: [UInt8]) throws -> [UInt8] {
    if ProcessInfo.processInfo.environment["UPDATE_FIXTURES"] == "1" {
      try Data(found).write(to: folder.appending(path: path))
    }
    return try bytes(path)
  }

  @Test("every folder is a case here")
  func knowsFolders() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    #expect(names.filter { !$0.contains(".") }.sorted() == Self.vendors)
  }

  @Test("the entry goes in as expected", arguments: vendors)
  func installs(vendor: String) throws {
    let (before, ending) = try Self.before(vendor)
    let installed = try Self.edit(before, ending).inserting(Self.entry())
    #expect(installed == (try Self.expected("\(vendor)/installed.conflist", found: installed)))
  }

  @Test("what is taken out leaves the file that was there, byte for byte", arguments: vendors)
  func removes(vendor: String) throws {
    let (before, ending) = try Self.before(vendor)
    let installed = try Self.edit(Self.edit(before, ending).inserting(Self.entry()), "conflist")
    let removed = ending == "conflist" ? try installed.removing() : try #require(installed.unwrapping())
    #expect(removed == before)
    #expect(removed == (try Self.expected("\(vendor)/removed.\(ending)", found: removed)))
  }

  @Test("an installed entry is in place, and stays as it is", arguments: vendors)
  func isIdempotent(vendor: String) throws {
    let (before, ending) = try Self.before(vendor)
    let installed = try Self.edit(before, ending).inserting(Self.entry())
    let again = try Self.edit(installed, "conflist")
    #expect(again.isInPlace(try Self.entry()))
    #expect(try again.inserting(Self.entry()) == installed)
  }

  @Test("another reader sees the same network with one plugin more", arguments: vendors)
  func agreesWithFoundation(vendor: String) throws {
    let (before, ending) = try Self.before(vendor)
    let installed = try Self.edit(before, ending).inserting(Self.entry())
    let entry = try JSONSerialization.jsonObject(with: Data(Self.bytes("entry.json")))
    var expected = try #require(JSONSerialization.jsonObject(with: Data(before)) as? [String: Any])
    if ending == "conflist" {
      expected["plugins"] = try #require(expected["plugins"] as? [Any]) + [entry]
    } else {
      let plugin = expected
      expected = ["plugins": [plugin, entry], "loadOnlyInlinedPlugins": true]
      expected["name"] = plugin["name"]
      expected["cniVersion"] = plugin["cniVersion"]
    }
    let found = try JSONSerialization.jsonObject(with: Data(installed)) as? NSDictionary
    #expect(found == expected as NSDictionary)
  }
}
