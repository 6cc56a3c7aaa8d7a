package import CNI

/// Whose a network configuration is, as far as its plugins and names tell.
package struct ConfigurationOwner: Sendable, Equatable {
  /// The name of the product.
  package let name: String

  /// Recognises the owner; nil if nothing tells.
  package init?(of file: NetworkConfigurationFile, called fileName: String) {
    let types = file.pluginTypes.filter { $0 != NodeLayout.pluginName }
    if types.isEmpty {
      name = "istio-cni"
    } else if let known = types.lazy.compactMap({ Self.byType[$0] }).first {
      name = known
    } else if let known = Self.byWord.first(where: { file.name.contains($0.word) || fileName.contains($0.word) }) {
      name = known.name
    } else {
      return nil
    }
  }

  private static let byType = [
    "antrea": "Antrea", "aws-cni": "AWS VPC CNI", "azure-vnet": "Azure CNI", "calico": "Calico",
    "cilium-cni": "Cilium", "consul-cni": "Consul", "flannel": "Flannel", "kube-ovn": "Kube-OVN",
    "kuma-cni": "Kuma", "linkerd-cni": "Linkerd", "multus": "Multus", "multus-shim": "Multus",
    "ovn-k8s-cni-overlay": "OVN-Kubernetes", "terway": "Terway", "weave-net": "Weave Net",
  ]

  /// For those that are made of the reference plugins.
  private static let byWord = [
    (word: "kindnet", name: "kindnet"), (word: "gke", name: "GKE"), (word: "k8s-pod-network", name: "GKE"),
    (word: "kube-router", name: "kube-router"), (word: "crio", name: "CRI-O"), (word: "podman", name: "Podman"),
    (word: "cbr0", name: "Flannel"), (word: "containerd", name: "containerd"),
  ]
}
