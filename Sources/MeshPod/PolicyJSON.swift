package import JSON
package import Redirect

extension Policy {
  /// The policy as JSON; ``init(json:)`` reads it.
  package var json: JSONValue {
    [
      "mode": .string(mode.rawValue),
      "inbound": inbound.json,
      "outbound": outbound.json,
      "excludedOutbound": excludedOutbound.json,
      "includedOutboundPorts": includedOutboundPorts.json,
      "excludedOutboundPorts": excludedOutboundPorts.json,
      "excludedInterfaces": .array(excludedInterfaces.map { .string($0) }),
      "reroutedInterfaces": .array(reroutedInterfaces.map { .string($0) }),
      "ownerGroups": ownerGroups.json,
      "dns": dns.json,
      "dropsInvalid": .bool(dropsInvalid),
      "loopback": .string(loopback.description),
      "proxyUser": .number(JSONNumber(Int(proxyUser.rawValue))),
      "proxyGroup": .number(JSONNumber(Int(proxyGroup.rawValue))),
      "ports": ports.json,
    ]
  }

  /// Nil for anything that ``json`` does not make.
  package init?(json: JSONValue) {
    guard let mode = json["mode"]?.string.flatMap({ Mode(rawValue: $0) }),
      let inbound = json["inbound"].flatMap({ Inbound(json: $0) }),
      let outbound = json["outbound"].flatMap({ Destinations(json: $0) }),
      let excludedOutbound = json["excludedOutbound"]?.prefixes,
      let includedOutboundPorts = json["includedOutboundPorts"].flatMap({ PortSet(json: $0) }),
      let excludedOutboundPorts = json["excludedOutboundPorts"].flatMap({ PortSet(json: $0) }),
      let excludedInterfaces = json["excludedInterfaces"]?.strings,
      let reroutedInterfaces = json["reroutedInterfaces"]?.strings,
      let ownerGroups = json["ownerGroups"].flatMap({ OwnerGroups(json: $0) }),
      let dns = json["dns"].flatMap({ DNSCapture(json: $0) }),
      let dropsInvalid = json["dropsInvalid"]?.bool,
      let loopback = json["loopback"]?.string.flatMap({ CIDR($0) }),
      let proxyUser = json["proxyUser"]?.int.flatMap({ UInt32(exactly: $0) }),
      let proxyGroup = json["proxyGroup"]?.int.flatMap({ UInt32(exactly: $0) }),
      let ports = json["ports"].flatMap({ ProxyPorts(json: $0) })
    else { return nil }
    self.init(
      mode: mode, inbound: inbound, outbound: outbound, excludedOutbound: excludedOutbound,
      includedOutboundPorts: includedOutboundPorts, excludedOutboundPorts: excludedOutboundPorts,
      excludedInterfaces: excludedInterfaces, reroutedInterfaces: reroutedInterfaces, ownerGroups: ownerGroups,
      dns: dns, dropsInvalid: dropsInvalid, loopback: loopback, proxyUser: UserID(proxyUser),
      proxyGroup: GroupID(proxyGroup), ports: ports)
  }
}

// MARK: - Alternatives: `"all"`, or an object that names the exception or the choice

extension Policy.Inbound {
  fileprivate var json: JSONValue {
    switch self {
    case .all(let ports): ["except": ports.json]
    case .only(let ports): ["only": ports.json]
    }
  }

  fileprivate init?(json: JSONValue) {
    if let ports = json["except"].flatMap({ PortSet(json: $0) }) {
      self = .all(except: ports)
    } else if let ports = json["only"].flatMap({ PortSet(json: $0) }) {
      self = .only(ports)
    } else {
      return nil
    }
  }
}

extension Policy.Destinations {
  fileprivate var json: JSONValue {
    switch self {
    case .all: "all"
    case .only(let prefixes): ["only": prefixes.json]
    }
  }

  fileprivate init?(json: JSONValue) {
    if json == "all" {
      self = .all
    } else if let prefixes = json["only"]?.prefixes {
      self = .only(prefixes)
    } else {
      return nil
    }
  }
}

extension Policy.OwnerGroups {
  fileprivate var json: JSONValue {
    switch self {
    case .all(let groups): ["except": Self.list(groups)]
    case .only(let groups): ["only": Self.list(groups)]
    }
  }

  fileprivate init?(json: JSONValue) {
    if let groups = json["except"].flatMap(Self.groups) {
      self = .all(except: groups)
    } else if let groups = json["only"].flatMap(Self.groups) {
      self = .only(groups)
    } else {
      return nil
    }
  }

  private static func list(_ groups: [GroupID]) -> JSONValue {
    .array(groups.map { .number(JSONNumber(Int($0.rawValue))) })
  }

  private static func groups(_ json: JSONValue) -> [GroupID]? {
    json.elements { $0.int.flatMap { UInt32(exactly: $0) }.map { GroupID($0) } }
  }
}

extension Policy.DNSCapture {
  fileprivate var json: JSONValue {
    switch self {
    case .off: "off"
    case .all: "all"
    case .servers(let servers): ["servers": .array(servers.map { .string($0.description) })]
    }
  }

  fileprivate init?(json: JSONValue) {
    if json == "off" {
      self = .off
    } else if json == "all" {
      self = .all
    } else if let servers = json["servers"]?.elements({ $0.string.flatMap { IPAddress($0) } }) {
      self = .servers(servers)
    } else {
      return nil
    }
  }
}

// MARK: - Values

extension ProxyPorts {
  fileprivate var json: JSONValue {
    [
      "outbound": outbound.json, "inbound": inbound.json, "tunnel": tunnel.json, "dns": dns.json,
      "health": health.json,
    ]
  }

  fileprivate init?(json: JSONValue) {
    guard let outbound = json["outbound"].flatMap({ Port(json: $0) }),
      let inbound = json["inbound"].flatMap({ Port(json: $0) }),
      let tunnel = json["tunnel"].flatMap({ Port(json: $0) }), let dns = json["dns"].flatMap({ Port(json: $0) }),
      let health = json["health"].flatMap({ PortSet(json: $0) })
    else { return nil }
    self.init()
    self.outbound = outbound
    self.inbound = inbound
    self.tunnel = tunnel
    self.dns = dns
    self.health = health
  }
}

extension Port {
  fileprivate var json: JSONValue { .number(JSONNumber(Int(rawValue))) }

  fileprivate init?(json: JSONValue) {
    guard let number = json.int.flatMap({ UInt16(exactly: $0) }) else { return nil }
    self.init(number)
  }
}

extension PortSet {
  /// A list of first and last ports: `[[80,80],[8000,8010]]`.
  fileprivate var json: JSONValue { .array(ranges.map { .array([$0.lowerBound.json, $0.upperBound.json]) }) }

  fileprivate init?(json: JSONValue) {
    let ranges = json.elements { element -> ClosedRange<Port>? in
      guard let ends = element.elements({ Port(json: $0) }), ends.count == 2, ends[0] <= ends[1] else { return nil }
      return ends[0]...ends[1]
    }
    guard let ranges else { return nil }
    self.init(ranges)
  }
}

extension [CIDR] {
  fileprivate var json: JSONValue { .array(map { .string($0.description) }) }
}

extension JSONValue {
  /// What `read` makes of all elements; nil if this is no list, or if it makes nothing of one.
  fileprivate func elements<Element>(_ read: (JSONValue) -> Element?) -> [Element]? {
    guard let array else { return nil }
    let elements = array.compactMap(read)
    return elements.count == array.count ? elements : nil
  }

  fileprivate var prefixes: [CIDR]? { elements { $0.string.flatMap { CIDR($0) } } }

  /// The texts of a list of texts.
  var strings: [String]? { elements(\.string) }
}
