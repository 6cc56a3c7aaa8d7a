import Harness
import JSON
import Netlink
import System

/// What a node sees of its cluster: an API server at a service address, and a kubeconfig.
final class Cluster: Sendable {
  let apiServer: FakeAPIServer
  private let pod: JSONObject

  static let address = Endpoint("10.96.0.1", 443)
  static let namespace = "conformance"
  static let token = "not-a-secret"

  init(_ facts: Manifest.KubernetesFacts, on node: Node, certificates: ClusterCertificates) throws {
    pod = facts.pod
    let route = try NetlinkSocket.open(.route, in: node.network)
    try Addresses.add("\(Self.address.address)/32", to: .loopback, through: route)
    apiServer = try FakeAPIServer(
      at: Self.address, in: node.network, certificate: certificates.server, token: Self.token)
    try node.write(
      kubeconfigText(
        server: "https://\(Self.address)", certificateAuthorityPEM: certificates.authorityPEM, token: Self.token),
      to: facts.kubeconfig, mode: 0o600)
  }

  /// Makes a container's pod known.
  func put(name: String, uid: String, wish: JSONObject) {
    let identity: JSONObject = [
      "metadata": ["namespace": .string(Self.namespace), "name": .string(name), "uid": .string(uid)]
    ]
    apiServer.put(.object(pod.patched(with: wish).patched(with: identity)))
  }

  func stop() throws {
    try apiServer.stop()
  }
}

/// Certificates for the API servers of a run, which all have the same address.
package struct ClusterCertificates: Sendable {
  let authorityPEM: String
  let server: TestCertificate

  init() throws {
    let authority = try TestCertificateAuthority()
    authorityPEM = authority.certificatePEM
    server = try authority.serverCertificate(addresses: [Cluster.address.address])
  }
}
