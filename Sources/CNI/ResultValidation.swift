import JSON

// Checked before anything else happens: containerd (go-cni 1.1.13) dies on an index out of range and on null inside
// `interfaces`, and a conversion that fails after the work is done leaves a half-made pod.
extension AttachmentResult {
  static func validate(_ result: JSONObject, as version: SpecVersion) throws(Failure) {
    if version.listsAddresses {
      let interfaceCount = try checkedObjects("interfaces", in: result).count
      for (index, ip) in try checkedObjects("ips", in: result).enumerated() {
        try checkPrefix("address", in: ip, path: "ips[\(index)]")
        try checkInterfaceIndex(of: ip, path: "ips[\(index)]", interfaceCount: interfaceCount)
      }
      try checkRoutes(in: result, path: "")
    } else {
      for (key, _) in families {
        guard let value = result[key], value != .null else { continue }
        guard let ip = value.object else { throw malformed(key, value, expected: "an object") }
        try checkPrefix("ip", in: ip, path: key)
        try checkRoutes(in: ip, path: "\(key).")
      }
    }
  }

  private static func checkRoutes(in object: JSONObject, path: String) throws(Failure) {
    for (index, route) in try checkedObjects("routes", in: object, path: path).enumerated() {
      try checkPrefix("dst", in: route, path: "\(path)routes[\(index)]")
    }
  }

  private static func checkedObjects(
    _ key: String, in object: JSONObject, path: String = ""
  ) throws(Failure) -> [JSONObject] {
    guard let value = object[key], value != .null else { return [] }
    guard let elements = value.array else { throw malformed(path + key, value, expected: "a list") }
    var objects: [JSONObject] = []
    objects.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      guard let object = element.object else {
        throw malformed("\(path)\(key)[\(index)]", element, expected: "an object")
      }
      objects.append(object)
    }
    return objects
  }

  private static func checkPrefix(_ key: String, in object: JSONObject, path: String) throws(Failure) {
    guard let value = object[key], value != .null else { return }
    guard let text = value.string, AddressPrefix(text) != nil else {
      throw malformed("\(path).\(key)", value, expected: "a CIDR address")
    }
  }

  private static func checkInterfaceIndex(
    of ip: JSONObject, path: String, interfaceCount: Int
  ) throws(Failure) {
    guard let value = ip["interface"], value != .null else { return }
    guard let index = value.int, index >= 0 else {
      throw malformed("\(path).interface", value, expected: "an index")
    }
    // An IPAM plugin lists no interfaces, and some leave an index all the same.
    guard index < interfaceCount || interfaceCount == 0 else {
      throw malformed("\(path).interface", value, expected: "below \(interfaceCount)")
    }
  }

  static func malformed(_ path: String, _ value: JSONValue, expected: String) -> Failure {
    Failure(
      code: .decoding,
      message: "cannot pass on prevResult: \(path) is not \(expected): \(value.excerpt(to: 24))",
      details: "a plugin earlier in the chain returned it; look for its fault, a retry is unlikely to help")
  }
}
