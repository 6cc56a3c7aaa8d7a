import CNI
import NodeAgent
import Testing

@Suite struct ConfigurationOwnerTests {
  @Test(
    "a configuration's owner is told by its plugins, and else by its names",
    arguments: [
      (["cilium-cni"], "cilium", "05-cilium.conflist", "Cilium"),
      (["portmap", "calico", "istio-cni"], "x", "10-calico.conflist", "Calico"),
      (["bridge"], "kindnet", "10-kindnet.conflist", "kindnet"),
      (["ptp", "portmap"], "k8s-pod-network", "10-gke-ptp.conflist", "GKE"),
      (["istio-cni"], "istio-cni", "YYY-istio-cni.conflist", "istio-cni"),
      (["bridge"], "net", "10-net.conflist", nil),
    ] as [([String], String, String, String?)])
  func owner(types: [String], network: String, fileName: String, owner: String?) throws {
    let plugins = types.map { #"{"type": "\#($0)"}"# }.joined(separator: ",")
    let text = #"{"name": "\#(network)", "plugins": [\#(plugins)]}"#
    let file = try NetworkConfigurationFile(parsing: Array(text.utf8), kind: .list)
    #expect(ConfigurationOwner(of: file, called: fileName)?.name == owner)
  }
}
