/// A kind of objects, as paths and objects name it.
package struct APIResource: Sendable, Hashable {
  /// `v1`, `apps/v1`.
  package let apiVersion: String
  /// `DaemonSet`.
  package let kind: String
  /// `daemonsets`.
  package let plural: String

  package init(apiVersion: String, kind: String, plural: String) {
    self.apiVersion = apiVersion
    self.kind = kind
    self.plural = plural
  }

  package static let configMaps = APIResource(apiVersion: "v1", kind: "ConfigMap", plural: "configmaps")
  package static let daemonSets = APIResource(apiVersion: "apps/v1", kind: "DaemonSet", plural: "daemonsets")
  package static let events = APIResource(apiVersion: "v1", kind: "Event", plural: "events")
  package static let nodes = APIResource(apiVersion: "v1", kind: "Node", plural: "nodes")
  package static let pods = APIResource(apiVersion: "v1", kind: "Pod", plural: "pods")

  /// The path of all such objects, or of those in a namespace.
  func path(inNamespace namespace: String?) -> String {
    let root = apiVersion.contains("/") ? "/apis/\(apiVersion)" : "/api/\(apiVersion)"
    let scope = namespace.map { "/namespaces/\(percentEncoded($0))" } ?? ""
    return "\(root)\(scope)/\(plural)"
  }
}

/// Which object of a cluster.
package struct ObjectPath: Sendable, Hashable {
  package let resource: APIResource
  /// Nil for objects that are in none, as nodes are.
  package let namespace: String?
  package let name: String
  /// A part that is changed by itself: `status`.
  package let subresource: String?

  package init(_ resource: APIResource, namespace: String? = nil, name: String, subresource: String? = nil) {
    self.resource = resource
    self.namespace = namespace
    self.name = name
    self.subresource = subresource
  }

  var path: String {
    let part = subresource.map { "/\(percentEncoded($0))" } ?? ""
    return "\(resource.path(inNamespace: namespace))/\(percentEncoded(name))\(part)"
  }
}

extension ObjectPath: CustomStringConvertible {
  /// `daemonset istio-system/istio-cni-node`.
  package var description: String {
    "\(resource.kind.lowercased()) \(namespace.map { "\($0)/" } ?? "")\(name)"
  }
}

/// Which objects of a cluster, and how to read them.
package struct ObjectCollection: Sendable, Hashable {
  /// How fresh a first list has to be; what follows a watch is always fresh.
  package enum Freshness: Sendable {
    /// What the database holds. Right for few objects whose absence means something.
    case latest
    /// What an API server remembers, which may be a moment behind, and comes in one piece. Right for many objects that
    /// every node asks for, as kubelet does for its pods.
    case remembered
  }

  package let resource: APIResource
  /// Nil for those of all namespaces, or of none.
  package let namespace: String?
  /// `spec.nodeName=node-a`.
  package let fieldSelector: String?
  /// `app=istio-cni-node`.
  package let labelSelector: String?
  package let freshness: Freshness
  /// The most objects in one answer to a list.
  package let pageSize: Int

  package init(
    _ resource: APIResource, namespace: String? = nil, fieldSelector: String? = nil, labelSelector: String? = nil,
    freshness: Freshness = .latest, pageSize: Int = 250
  ) {
    self.resource = resource
    self.namespace = namespace
    self.fieldSelector = fieldSelector
    self.labelSelector = labelSelector
    self.freshness = freshness
    self.pageSize = pageSize
  }

  /// The one object at a path, to be watched.
  package init(only object: ObjectPath) {
    self.init(object.resource, namespace: object.namespace, fieldSelector: "metadata.name=\(object.name)")
  }

  /// The path with the selectors and `parameters`, in order.
  func target(_ parameters: [(name: String, value: String)]) -> String {
    var all: [(name: String, value: String)] = []
    if let fieldSelector { all.append(("fieldSelector", fieldSelector)) }
    if let labelSelector { all.append(("labelSelector", labelSelector)) }
    all += parameters
    let query = all.map { "\($0.name)=\(percentEncoded($0.value))" }.joined(separator: "&")
    return "\(resource.path(inNamespace: namespace))?\(query)"
  }
}

extension ObjectCollection: CustomStringConvertible {
  /// `pods of shop with spec.nodeName=node-a`.
  package var description: String {
    let selectors = [fieldSelector, labelSelector].compactMap { $0 }.joined(separator: ", ")
    return resource.plural + (namespace.map { " of \($0)" } ?? "") + (selectors.isEmpty ? "" : " with \(selectors)")
  }
}

/// A text with every character escaped that means something in a URL, so that no name can lead elsewhere.
///
/// Source: RFC 3986 section 2.3, unreserved characters.
private func percentEncoded(_ text: String) -> String {
  let digits = Array("0123456789ABCDEF".utf8)
  var encoded: [UInt8] = []
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      encoded.append(byte)
    default:
      encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
    }
  }
  return String(decoding: encoded, as: UTF8.self)
}
