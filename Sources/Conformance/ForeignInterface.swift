extension LabNode {
  /// Makes an interface that is nobody's, on this node or in a container on it; it has 192.0.2.2/24 and is down.
  func makeForeignInterface(_ name: String, in container: Container? = nil) throws {
    try tool("ip link add \(name) type veth peer name foreign-peer", in: container)
    try tool("ip address add 192.0.2.2/24 dev \(name)", in: container)
  }
}
