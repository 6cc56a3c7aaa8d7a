/// The rules for one pod, in no back end's language: one table, its named sets, its chains, and what the pod's
/// network needs beside them.
package struct Ruleset: Sendable, Equatable {
  package var sets: [NamedSet]
  package var chains: [Chain]
  /// Addresses to put on `lo` before the rules; harmless without them.
  package var localAddresses: [LocalAddress]

  package init(sets: [NamedSet] = [], chains: [Chain] = [], localAddresses: [LocalAddress] = []) {
    self.sets = sets
    self.chains = chains
    self.localAddresses = localAddresses
  }

  /// How many rules all chains hold.
  package var ruleCount: Int { chains.reduce(0) { $0 + $1.rules.count } }
}

/// An address for `lo`.
package struct LocalAddress: Sendable, Equatable {
  package var prefix: CIDR
  /// Whether the pod cannot do without. An optional one is left out where the kernel has no such family.
  package var isRequired: Bool

  package init(_ prefix: CIDR, isRequired: Bool) {
    self.prefix = prefix
    self.isRequired = isRequired
  }
}

/// A set that rules look up by name, so that the cost of a packet does not grow with a list.
package struct NamedSet: Sendable, Equatable {
  package enum Elements: Sendable, Equatable {
    case ports(PortSet)
    /// Ranges that neither overlap nor touch, all of the one family.
    case addresses(IPFamily, [ClosedRange<IPAddress>])
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
  package struct Hook: Sendable, Equatable {
    package enum Point: Sendable, Equatable {
      /// For packets that arrive.
      case prerouting
      /// For packets that the pod's own sockets send.
      case output
    }

    package var point: Point
    /// Lower runs earlier; -100 is where destination NAT belongs (NF_IP_PRI_NAT_DST).
    package var priority: Int32

    package init(_ point: Point, priority: Int32) {
      self.point = point
      self.priority = priority
    }
  }

  package var name: String
  /// Nil for a regular chain. The chains that have one do NAT: the first packet of a connection walks them, and what
  /// they decide holds for the rest of it.
  package var hook: Hook?
  package var rules: [Rule]

  package init(_ name: String, hook: Hook? = nil, rules: [Rule] = []) {
    self.name = name
    self.hook = hook
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
package enum Transport: Sendable, Equatable {
  case tcp
  case udp
}

/// One condition on a packet.
package enum Match: Sendable, Equatable {
  case transport(Comparison, Transport)
  case outputInterface(Comparison, String)
  case source(Comparison, IPAddress)
  case destination(Comparison, IPAddress)
  case destinationInSet(IPFamily, String)
  /// Of TCP and UDP alike; the rule must match the transport first.
  case destinationPort(Comparison, Port)
  case destinationPortInSet(String)
  /// The owner of the sending socket. A packet without a socket has none, and matches neither way.
  case user(Comparison, UserID)
  case group(Comparison, GroupID)
}

/// What becomes of a packet that a rule matches.
package enum Verdict: Sendable, Equatable {
  /// Back to the chain that called this one; in a base chain the packet passes.
  case `return`
  /// On to a chain that does not come back here.
  case goto(String)
  /// To a port of this pod. Of TCP connections only: the destination becomes the pod itself, and the proxy reads the
  /// original one with SO_ORIGINAL_DST.
  case redirect(Port)
}
