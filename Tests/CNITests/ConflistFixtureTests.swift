import CNI
import Foundation
import JSON
import System
import TestKit
import Testing

/// The files that other CNI plugins leave on nodes: `fixtures/conflist`.
@Suite struct ConflistFixtureTests {
  static let folder = fixturePath("conflist")

  static func entry() throws -> JSONObject {
    try #require(JSONValue(parsing: bytes("entry.json")).object)
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    try readFile("\(folder)/\(path)", limit: 1 << 20)
  }

  static func edit(_ bytes: [UInt8], _ ending: String) throws(ConfigurationFault) -> ConflistEdit {
    let kind: NetworkConfigurationFile.Kind = ending == "conflist" ? .list : .plugin
    return ConflistEdit(of: try NetworkConfigurationFile(parsing: bytes, kind: kind), type: "istio-cni")
  }

  /// The file in `fixtures`, or what it is from now on.
  static func expected(_ path: String, found: [UInt8]) throws -> [UInt8] {
    if CurrentProcess.environment["UPDATE_FIXTURES"] == "1" {
      try PlainFile.write(found, to: "\(folder)/\(path)", mode: 0o644)
    }
    return try bytes(path)
  }

  @Test("every folder is a case here")
  func knowsFolders() throws {
    #expect(try names(inFolder: Self.folder).filter { !$0.contains(".") }.sorted() == VendorFile.all.map(\.vendor))
  }

  @Test("the entry goes in as expected", arguments: VendorFile.all)
  func installs(vendor: VendorFile) throws {
    let (before, ending) = (vendor.bytes, vendor.isList ? "conflist" : "conf")
    let installed = try Self.edit(before, ending).inserting(Self.entry())
    #expect(installed == (try Self.expected("\(vendor)/installed.conflist", found: installed)))
  }

  @Test("what is taken out leaves the file that was there, byte for byte", arguments: VendorFile.all)
  func removes(vendor: VendorFile) throws {
    let (before, ending) = (vendor.bytes, vendor.isList ? "conflist" : "conf")
    let installed = try Self.edit(Self.edit(before, ending).inserting(Self.entry()), "conflist")
    let removed = ending == "conflist" ? try installed.removing() : try #require(installed.unwrapping())
    #expect(removed == before)
    #expect(removed == (try Self.expected("\(vendor)/removed.\(ending)", found: removed)))
  }

  @Test("an installed entry is in place, and stays as it is", arguments: VendorFile.all)
  func isIdempotent(vendor: VendorFile) throws {
    let (before, ending) = (vendor.bytes, vendor.isList ? "conflist" : "conf")
    let installed = try Self.edit(before, ending).inserting(Self.entry())
    let again = try Self.edit(installed, "conflist")
    #expect(again.isInPlace(try Self.entry()))
    #expect(try again.inserting(Self.entry()) == installed)
  }

  @Test("another reader sees the same network with one plugin more", arguments: VendorFile.all)
  func agreesWithFoundation(vendor: VendorFile) throws {
    let (before, ending) = (vendor.bytes, vendor.isList ? "conflist" : "conf")
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
