import ArgumentParser
import Glibc
import Harness
import Netfilter
import Redirect
import System
import SystemPackage

/// `bench connections`: what the rules add to opening a connection, with lists of one and of 1,000 entries, as sets
/// and as a rule for each entry.
struct Connections: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Times connections through the redirect, with short and with long lists.")

  @Option(help: "Counted rounds; in each every contestant opens its connections once.")
  var rounds = 40

  @Option(help: "Connections that a contestant opens in each direction in a round.")
  var connections = 200

  func run() throws {
    let contestants = try Redirected.contestants()
    var outbound = contestants.map { _ in [Duration]() }
    var inbound = outbound
    for round in 0...rounds {
      for (index, contestant) in contestants.enumerated() {
        let times = try (contestant.timeOutbound(connections), contestant.timeInbound(connections))
        // The first round warms the caches.
        if round > 0 {
          outbound[index].append(times.0)
          inbound[index].append(times.1)
        }
      }
    }
    print("\(rounds) rounds of \(connections) connections each way, in turn; medians, microseconds a connection.")
    print(row("", "RULES", "OUTBOUND", "INBOUND"))
    for (index, contestant) in contestants.enumerated() {
      print(row(contestant.name, "\(contestant.ruleCount)", text(outbound[index]), text(inbound[index])))
    }
  }

  private func text(_ times: [Duration]) -> String {
    let tenths = Int((times.sorted()[times.count / 2] / .microseconds(1) / Double(connections) * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private func row(_ cells: String...) -> String {
    zip(cells, [44, 8, 11, 11]).map { cell, width in
      let padding = String(repeating: " ", count: max(0, width - cell.count))
      return width == 44 ? cell + padding : padding + cell
    }.joined()
  }
}

/// A pod with rules, its proxy, and a world to talk to.
private final class Redirected {
  let name: String
  let ruleCount: Int
  private let pair: PodPair
  private let proxy: PodService
  private let world: PodService

  init(_ name: String, _ ruleset: Ruleset?, _ backend: any Backend = NftablesBackend()) throws {
    self.name = name
    ruleCount = ruleset?.ruleCount ?? 0
    pair = try PodPair()
    // On 8080 for the pod that has no rules.
    proxy = try PodService("proxy", ports: [15001, 15006, 8080], owner: .proxy, in: pair.pod)
    world = try PodService("world", ports: [8080], owner: .root, in: pair.world)
    if let ruleset { try PodRedirect.apply(ruleset, in: pair.pod, with: backend) }
  }

  static func contestants() throws -> [Redirected] {
    let (short, long) = (ruleset(entries: 1), ruleset(entries: 1000))
    let legacy = IptablesBackend(folders: [], flavour: .legacy)
    return [
      try Redirected("no rules", nil),
      try Redirected("sets of 1", short),
      try Redirected("sets of 1,000", long),
      try Redirected("a rule an entry, of 1", short.spelledOut),
      try Redirected("a rule an entry, of 1,000", long.spelledOut),
      try Redirected("iptables-legacy, a rule an entry, of 1", short.spelledOut, legacy),
      try Redirected("iptables-legacy, a rule an entry, of 1,000", long.spelledOut, legacy),
    ]
  }

  /// Ports and prefixes that are excluded, and that the connections do not meet.
  private static func ruleset(entries: Int) -> Ruleset {
    let ports = PortSet((0..<entries).map { Port(20_000 + 2 * UInt16($0)) }.map { $0...$0 })
    let prefixes = (0..<entries).map { CIDR(IPAddress(.v4, 0xc612_0000 + UInt128($0) << 9), prefixLength: 24) }
    return Ruleset(
      Policy(
        inbound: .all(except: ports), outbound: .all, excludedOutbound: prefixes, excludedOutboundPorts: ports),
      hasIPv6: true)
  }

  func timeOutbound(_ count: Int) throws -> Duration {
    try Self.time(count, to: PodPair.gateways[0], in: pair.pod)
  }

  func timeInbound(_ count: Int) throws -> Duration {
    try Self.time(count, to: PodPair.podAddresses[0], in: pair.world)
  }

  /// Opens connections one after the other; each is reset, so that none lingers.
  private static func time(
    _ count: Int, to address: String, in namespace: borrowing NetworkNamespace
  ) throws -> Duration {
    try namespace.run { () throws(SystemError) in
      var destination = sockaddr_in()
      destination.sin_family = sa_family_t(AF_INET)
      destination.sin_port = UInt16(8080).bigEndian
      inet_pton(AF_INET, address, &destination.sin_addr)
      var linger = linger(l_onoff: 1, l_linger: 0)
      var total = Duration.zero
      for _ in 0..<count {
        let socket = OwnedDescriptor(owning: socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
        let descriptor = socket.withRawValue { $0 }
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        let start = ContinuousClock.now
        let result = withUnsafePointer(to: destination) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
        total += ContinuousClock.now - start
        guard result == 0 else { throw SystemError("connect", "\(address):8080", Errno(rawValue: errno)) }
      }
      return total
    }
  }
}

extension Ruleset {
  /// The same rules without sets: one for each element, as back ends without sets have them.
  fileprivate var spelledOut: Ruleset {
    var ruleset = self
    for index in ruleset.chains.indices {
      ruleset.chains[index].rules = ruleset.chains[index].rules.flatMap(alternatives)
    }
    ruleset.sets = []
    return ruleset
  }

  private func alternatives(_ rule: Rule) -> [Rule] {
    for (position, match) in rule.matches.enumerated() {
      let alternatives: [Match] =
        switch match {
        case .destinationPortInSet(let name):
          if case .ports(let ports)? = set(name)?.elements {
            ports.ranges.map { .destinationPort(.equal, $0.lowerBound) }
          } else {
            []
          }
        case .destinationInSet(_, let name):
          if case .addresses(_, let ranges)? = set(name)?.elements {
            ranges.flatMap(\.prefixes).map { .destination(.equal, $0) }
          } else {
            []
          }
        default: []
        }
      guard !alternatives.isEmpty else { continue }
      return alternatives.map { alternative in
        var rule = rule
        rule.matches[position] = alternative
        return rule
      }
    }
    return [rule]
  }
}
