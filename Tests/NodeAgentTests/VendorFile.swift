import Foundation
import JSON
import NodeAgent
import Testing

/// The file of another CNI plugin as it is before our entry comes in: `fixtures/conflist`.
struct VendorFile: Sendable, CustomTestStringConvertible {
  let vendor: String
  /// As on a node: `10-VENDOR` with the ending of the fixture.
  let name: String
  let bytes: [UInt8]

  var testDescription: String { vendor }

  static let vendors = [
    "antrea", "aws-vpc-cni", "azure", "bridge-crlf", "calico", "cilium", "flannel", "gke", "kindnet", "multus",
    "multus-thick", "ovn-kubernetes", "weave",
  ]

  static let all = vendors.compactMap { try? VendorFile($0) }
  static let lists = all.filter(\.isList)

  var isList: Bool { name.hasSuffix(".conflist") }

  init(_ vendor: String) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../fixtures/conflist/\(vendor)", directoryHint: .isDirectory
    ).standardized
    let list = folder.appending(path: "before.conflist")
    let isList = FileManager.default.fileExists(atPath: list.path)
    self.vendor = vendor
    name = "10-\(vendor).\(isList ? "conflist" : "conf")"
    bytes = Array(try Data(contentsOf: isList ? list : folder.appending(path: "before.conf")))
  }
}
