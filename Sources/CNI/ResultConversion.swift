package import JSON

extension AttachmentResult {
  /// The result as a reader of `target` understands it.
  ///
  /// Between versions of one shape every member stays, in its order, known or not; `cniVersion` is set, and what only
  /// a later version knows is left out. Below 0.3.0 only one address a family, its routes, and `dns` can be said.
  ///
  /// - Throws: code 1 if `target` is below 0.3.0 and needs an address where there is none. Ask before any effect.
  package func rendered(as target: SpecVersion) throws(Failure) -> JSONObject {
    var result =
      switch (version.listsAddresses, target.listsAddresses) {
      case (false, true): listed()
      case (true, false): try splitByFamily(for: target)
      default: object
      }
    if target.listsAddresses, version.statesAddressFamily != target.statesAddressFamily {
      result.updateObjects("ips") { $0.stateFamily(target.statesAddressFamily) }
    }
    if !target.hasExtendedFields {
      result.removeExtendedFields()
    }
    return result.labelled(target)
  }

  /// `ip4` and `ip6` as `ips` and `routes`.
  private func listed() -> JSONObject {
    var ips: [JSONValue] = []
    var routes: [JSONValue] = []
    for (key, _) in Self.families {
      guard let family = object[key]?.object else { continue }
      if let address = family["ip"] {
        var ip: JSONObject = ["address": address]
        ip["gateway"] = family["gateway"]
        ips.append(.object(ip))
      }
      routes += family.objects("routes").map(JSONValue.object)
    }
    var result = object
    result["ip4"] = nil
    result["ip6"] = nil
    if !ips.isEmpty { result["ips"] = .array(ips) }
    if !routes.isEmpty { result["routes"] = .array(routes) }
    return result
  }

  /// The first address inside the container of each family, with the routes of that family, as `ip4` and `ip6`.
  private func splitByFamily(for target: SpecVersion) throws(Failure) -> JSONObject {
    var result = object
    for key in ["interfaces", "ips", "routes"] { result[key] = nil }
    let isEmpty = ["interfaces", "ips", "routes"].allSatisfy { object.objects($0).isEmpty }
    guard !isEmpty else { return result }

    let routes = object.objects("routes")
    for (key, family) in Self.families {
      guard let ip = containerIPs.first(where: { $0.family(of: "address") == family }) else { continue }
      var converted: JSONObject = [:]
      converted["ip"] = ip["address"]
      converted["gateway"] = ip["gateway"]
      let ownRoutes = routes.filter { $0.family(of: "dst") == family }.map { route in
        var converted: JSONObject = [:]
        converted["dst"] = route["dst"]
        converted["gw"] = route["gw"]
        return JSONValue.object(converted)
      }
      if !ownRoutes.isEmpty { converted["routes"] = .array(ownRoutes) }
      result[key] = .object(converted)
    }
    guard result["ip4"] != nil || result["ip6"] != nil else {
      throw Failure(
        code: .incompatibleVersion,
        message: "cannot express prevResult in CNI version \(target.rawValue): it has no address",
        details: "results below 0.3.0 need an address inside the container; "
          + "raise cniVersion in the network configuration list")
    }
    return result
  }
}

extension JSONObject {
  /// Sets `cniVersion`, in its place if there is one and otherwise in front.
  fileprivate func labelled(_ version: SpecVersion) -> JSONObject {
    let label = JSONValue.string(version.rawValue)
    guard self["cniVersion"] != nil else {
      return JSONObject([("cniVersion", label)] + members.map { ($0.key, $0.value) })
    }
    var result = self
    result["cniVersion"] = label
    return result
  }

  fileprivate mutating func removeExtendedFields() {
    updateObjects("interfaces") { interface in
      for key in ["mtu", "socketPath", "pciID"] { interface[key] = nil }
    }
    removeExtendedRouteFields()
    for (key, _) in AttachmentResult.families {
      guard var family = self[key]?.object else { continue }
      family.removeExtendedRouteFields()
      self[key] = .object(family)
    }
  }

  private mutating func removeExtendedRouteFields() {
    updateObjects("routes") { route in
      for key in ["mtu", "advmss", "priority", "table", "scope"] { route[key] = nil }
    }
  }

  /// Adds or removes `version`, the family that 0.3.0 to 0.4.0 want beside each address.
  fileprivate mutating func stateFamily(_ isStated: Bool) {
    self["version"] = isStated ? family(of: "address").map { .string($0.rawValue) } : nil
  }

  fileprivate func family(of key: String) -> AddressPrefix.Family? {
    self[key]?.string.flatMap(AddressPrefix.init)?.family
  }

  /// Applies `update` to each object of the list at `key`; other values there stay as they are.
  fileprivate mutating func updateObjects(_ key: String, _ update: (inout JSONObject) -> Void) {
    guard let elements = self[key]?.array else { return }
    self[key] = .array(
      elements.map { element in
        guard var object = element.object else { return element }
        update(&object)
        return .object(object)
      })
  }
}
