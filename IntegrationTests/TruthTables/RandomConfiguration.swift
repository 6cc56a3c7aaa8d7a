import Redirect

/// A small generator with a seed, so that a failing run can be repeated.
package struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// True once in `count` times.
  package mutating func chance(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

  /// Each element with a chance of one half.
  package mutating func some<Element>(_ elements: [Element]) -> [Element] { elements.filter { _ in chance(2) } }
}

extension Configuration {
  /// Any combination of settings, made of values that the scene's packets can meet.
  package static func random(using random: inout SplitMix64) -> Configuration {
    let ports = Scene.ports.map { $0...$0 } + [Port(3000)...Port(3999), Port(15020)...Port(15100)]
    let prefixes = Scene.prefixes(
      "192.0.2.0/24", "198.51.100.7/32", "203.0.113.0/28", "10.0.0.0/8", "127.0.0.0/8", "0.0.0.0/1", "2001:db8::/32",
      "2001:db8:1::/48", "fd00:9::/64", "::1/128", "::/0")
    let groups = [GroupID(4000), GroupID(1000), GroupID(0)]
    var policy = standard
    policy.mode = random.chance(2) ? .tproxy : .redirect
    policy.inbound =
      random.chance(2) ? .all(except: PortSet(random.some(ports))) : .only(PortSet(random.some(ports)))
    policy.outbound = random.chance(2) ? .all : .only(random.some(prefixes))
    policy.excludedOutbound = random.chance(2) ? [] : random.some(Array(prefixes.dropLast()))
    policy.includedOutboundPorts = random.chance(2) ? PortSet() : PortSet(random.some(ports))
    policy.excludedOutboundPorts = random.chance(2) ? PortSet() : PortSet(random.some(ports))
    policy.excludedInterfaces = random.chance(3) ? random.some(["eth0", "eth1"]) : []
    policy.reroutedInterfaces = random.chance(3) ? ["eth1"] : []
    policy.ownerGroups =
      random.chance(2) ? .all(except: random.chance(2) ? [] : random.some(groups)) : .only(random.some(groups))
    policy.dns =
      random.chance(2)
      ? .off : random.chance(2) ? .all : .servers(random.some(Scene.remotes + Scene.pod + Scene.loopbacks))
    policy.dropsInvalid = random.chance(3)
    policy.loopback = random.chance(3) ? Scene.prefixes("127.0.0.0/8")[0] : .loopback
    policy.proxyUser = random.chance(3) ? UserID(2000) : .defaultProxy
    policy.proxyGroup = random.chance(3) ? GroupID(3000) : .defaultProxy
    return Configuration("random", policy)
  }
}
