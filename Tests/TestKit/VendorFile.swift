package import System

/// The file of another CNI plugin as it is before our entry comes in: `fixtures/conflist`.
package struct VendorFile: Sendable, CustomStringConvertible {
  package let vendor: String
  /// As on a node: `10-VENDOR` with the ending of the fixture.
  package let name: String
  package let bytes: [UInt8]

  package var description: String { vendor }

  private static let vendors = [
    "antrea", "aws-vpc-cni", "azure", "bridge-crlf", "calico", "cilium", "flannel", "gke", "kindnet", "multus",
    "multus-thick", "ovn-kubernetes", "weave",
  ]

  // One that is missing is found by the test that compares the names with the folder's.
  package static let all = vendors.compactMap { try? VendorFile($0) }
  package static let lists = all.filter(\.isList)

  package var isList: Bool { name.hasSuffix(".conflist") }

  /// - Throws: if there is no such case.
  package init(_ vendor: String) throws(SystemError) {
    let list = fixturePath("conflist/\(vendor)/before.conflist")
    let isList = try exists(list)
    self.vendor = vendor
    name = "10-\(vendor).\(isList ? "conflist" : "conf")"
    bytes = try readFile(isList ? list : fixturePath("conflist/\(vendor)/before.conf"), limit: 1 << 20)
  }
}
