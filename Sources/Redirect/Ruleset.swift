/// The rules for one pod, in no back end's language: named sets, chains, and what the pod's network needs beside them.
package struct Ruleset: Sendable, Equatable {
  package var sets: [NamedSet]
  package var chains: [Chain]
  /// Addresses to put on `lo` before the rules; harmless without them.
  package var localAddresses: [LocalAddress]
  /// Set where rules mark packets that the pod must take for its own.
  package var localDelivery: LocalDelivery?

  package init(
    sets: [NamedSet] = [], chains: [Chain] = [], localAddresses: [LocalAddress] = [],
    localDelivery: LocalDelivery? = nil
  ) {
    self.sets = sets
    self.chains = chains
    self.localAddresses = localAddresses
    self.localDelivery = localDelivery
  }

  /// How many rules all chains hold.
  package var ruleCount: Int { chains.reduce(0) { $0 + $1.rules.count } }

  /// The set of this name. Rules name only sets that are there.
  package func set(_ name: String) -> NamedSet? { sets.first { $0.name == name } }
}

/// An address for `lo`.
package struct LocalAddress: Sendable, Equatable {
  package var prefix: CIDR
  /// Whether the pod is known not to do without. An optional one is left out where the kernel has no such family.
  package var isRequired: Bool

  package init(_ prefix: CIDR, isRequired: Bool) {
    self.prefix = prefix
    self.isRequired = isRequired
  }

  /// What the proxy's connections to an IPv6 application come from. ::1/128 leaves no other loopback address to bind
  /// to; all of 127/8 is local, so IPv4 needs nothing.
  package static func proxySource(isRequired: Bool) -> LocalAddress {
    LocalAddress(CIDR(.magicSource(.v6)), isRequired: isRequired)
  }
}

/// The policy rule and the routes that deliver marked packets to the pod itself, whatever their destination.
package struct LocalDelivery: Sendable, Equatable {
  package var mark: UInt32
  package var routingTable: UInt32

  package init(mark: UInt32, routingTable: UInt32) {
    self.mark = mark
    self.routingTable = routingTable
  }

  /// Istio's numbers for TPROXY, which proxies are configured with.
  package static let transparentProxy = LocalDelivery(mark: 1337, routingTable: 133)
}

/// A set that rules look up by name, so that the cost of a packet does not grow with a list.
package struct NamedSet: Sendable, Equatable {
  package enum Elements: Sendable, Equatable {
    case ports(PortSet)
    /// Ranges that neither overlap nor touch, all of the one family.
    case addresses(IPFamily, [ClosedRange<IPAddress>])
    /// In ascending order, each once.
    case groups([GroupID])
  }

  package var name: String
  package var elements: Elements

  package init(_ name: String, _ elements: Elements) {
    self.name = name
    self.elements = elements
  }
}

/// A list of rules: a base chain when the kernel calls it at a hook, a regular one when other chains go to it.
package struct Chain: Sendable, Equatable {
  /// When a packet meets the chain. The order of the cases is the order in which the kernel calls the chains of one
  /// hook; connection tracking comes between `raw` and `mangle`.
  package enum Stage: String, Sendable, Equatable, CaseIterable {
    /// Before connection tracking: which conntrack zone a packet belongs to.
    case raw
    /// For every packet: marks, and where TPROXY hands it over.
    case mangle
    /// For the first packet of a connection only; what is decided there holds for the rest of it.
    case nat
  }

  package enum Hook: String, Sendable, Equatable {
    /// For packets that arrive, over `lo` too.
    case prerouting
    /// For packets that the pod's own sockets send.
    case output
  }

  /// Unique in the ruleset.
  package var name: String
  package var stage: Stage
  /// Nil for a regular chain.
  package var hook: Hook?
  package var rules: [Rule]

  /// A base chain, named after its stage and hook.
  package init(_ stage: Stage, _ hook: Hook, rules: [Rule] = []) {
    name = "\(stage.rawValue)-\(hook.rawValue)"
    self.stage = stage
    self.hook = hook
    self.rules = rules
  }

  /// A regular chain.
  package init(_ name: String, _ stage: Stage, rules: [Rule] = []) {
    self.name = name
    self.stage = stage
    self.rules = rules
  }
}

/// If all matches hold, the verdict applies.
package struct Rule: Sendable, Equatable {
  package var matches: [Match]
  package var verdict: Verdict
  /// Plain English that `nft list ruleset` shows; at most 127 bytes (NFTNL_UDATA_COMMENT_MAXLEN less its NUL).
  package var comment: String

  package init(_ comment: String, _ matches: Match..., verdict: Verdict) {
    self.init(comment, matches, verdict: verdict)
  }

  package init(_ comment: String, _ matches: [Match], verdict: Verdict) {
    self.comment = comment
    self.matches = matches
    self.verdict = verdict
  }
}

/// Whether a match asks for the value or for anything but it.
package enum Comparison: Sendable, Equatable {
  case equal
  case notEqual
}

/// A transport protocol that rules tell apart.
package enum Transport: String, Sendable, Equatable {
  case tcp
  case udp
}

/// What conntrack says of a packet's connection.
package enum ConnectionState: String, Sendable, Equatable, CaseIterable {
  case new
  case established
  case related
  case invalid
}

/// One condition on a packet. One on an address holds for packets of its family only, whichever way it compares.
package enum Match: Sendable, Equatable {
  case transport(Comparison, Transport)
  case inputInterface(Comparison, String)
  case outputInterface(Comparison, String)
  case source(Comparison, CIDR)
  case destination(Comparison, CIDR)
  case sourceInSet(IPFamily, String)
  case destinationInSet(IPFamily, String)
  /// Of TCP and UDP alike; the rule must match the transport, too. The same holds for the other ports.
  case sourcePort(Comparison, Port)
  case destinationPort(Comparison, Port)
  case destinationPortInSet(String)
  /// The owner of the sending socket. A packet without a socket has none, and matches neither way.
  case user(UserID)
  case group(GroupID)
  case groupInSet(String)
  case mark(Comparison, UInt32)
  case connectionMark(Comparison, UInt32)
  /// One of these.
  case connection([ConnectionState])
  /// Whether the destination is no address of the pod.
  case isForeign
  /// Whether the packet goes against the direction of its connection's first one.
  case isReply
}

extension Match {
  /// The set that the match looks into, if it does.
  package var setName: String? {
    switch self {
    case .sourceInSet(_, let name), .destinationInSet(_, let name), .destinationPortInSet(let name),
      .groupInSet(let name):
      name
    default: nil
    }
  }
}

/// What becomes of a packet that a rule matches.
package enum Verdict: Sendable, Equatable {
  /// Back to the chain that called this one; in a base chain the packet goes on to the next stage.
  case `return`
  /// On to a chain of the same stage that does not come back here.
  case goto(String)
  case drop
  /// To a port of this pod: the destination becomes the pod itself, and the proxy reads the original one with
  /// SO_ORIGINAL_DST.
  case redirect(Port)
  /// To the transparent listener on a port of this pod, with both addresses as they are. If there is none the next
  /// rule applies.
  case transparentProxy(Port)
  /// Marks the packet and goes on with the next rule; so do those that follow.
  case setMark(UInt32)
  /// Remembers the packet's mark in its connection.
  case saveMark
  /// Chooses the conntrack zone. A packet keeps the first that it is given.
  case setZone(UInt16)

  /// Whether a packet goes on with the next rule of the chain.
  package var continues: Bool {
    switch self {
    case .setMark, .saveMark, .setZone: true
    case .return, .goto, .drop, .redirect, .transparentProxy: false
    }
  }
}
