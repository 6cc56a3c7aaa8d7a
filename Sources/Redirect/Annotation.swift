/// The pod annotations that steer the redirect, under Istio's names.
package enum Annotation {
  package static let inject = "sidecar.istio.io/inject"
  package static let status = "sidecar.istio.io/status"
  package static let interceptionMode = "sidecar.istio.io/interceptionMode"
  package static let includeOutboundIPRanges = "traffic.sidecar.istio.io/includeOutboundIPRanges"
  package static let excludeOutboundIPRanges = "traffic.sidecar.istio.io/excludeOutboundIPRanges"
  package static let includeInboundPorts = "traffic.sidecar.istio.io/includeInboundPorts"
  package static let excludeInboundPorts = "traffic.sidecar.istio.io/excludeInboundPorts"
  package static let includeOutboundPorts = "traffic.sidecar.istio.io/includeOutboundPorts"
  package static let excludeOutboundPorts = "traffic.sidecar.istio.io/excludeOutboundPorts"
  package static let excludeInterfaces = "traffic.sidecar.istio.io/excludeInterfaces"
  package static let rerouteVirtualInterfaces = "istio.io/reroute-virtual-interfaces"
  package static let kubevirtInterfaces = "traffic.sidecar.istio.io/kubevirtInterfaces"
}
