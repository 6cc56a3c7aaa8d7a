import ArgumentParser
import JSON
import Netfilter
import Plugin
import Redirect

/// `install-cni trace`: where a packet of a pod would go, and why.
struct TracePacket: ParsableCommand {
  enum Start: String, ExpressibleByArgument, CaseIterable {
    case pod
    case outside
  }

  enum Transport: String, ExpressibleByArgument, CaseIterable {
    case tcp
    case udp
    case other
  }

  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Tell where a packet would go under a pod's rules, and which rules it would meet.",
    discussion: """
      Nothing is touched and nobody is asked: the rules are derived from the pod as for 'render'. For example, what \
      becomes of a connection that the application opens:

        install-cni trace --pod pod.json --uid 1000 --to 10.96.0.1:443

      and of one that arrives:

        install-cni trace --pod pod.json --from outside --to 10.9.0.2:8080
      """)

  @OptionGroup var options: PodOptions

  @Option(help: "Where the packet starts.")
  var from = Start.pod

  @Option(name: .customLong("protocol"), help: "Its transport protocol.")
  var transport = Transport.tcp

  @Option(help: ArgumentHelp("Its destination.", valueName: "address:port"))
  var to: AddressAndPort

  @Option(
    help: ArgumentHelp(
      "Its source. Default: an address of the pod if it starts there, else one of the documentation's.",
      valueName: "address:port"))
  var source: AddressAndPort?

  @Option(help: "The user of the sending socket.")
  var uid: UInt32 = 0

  @Option(help: "The group of the sending socket. Default: the number of the user.")
  var gid: UInt32?

  @Option(
    help: """
      The interface where it leaves or arrives. Default: lo for what the pod sends to itself, else eth0.
      """)
  var interface: String?

  @Option(help: "Its mark.")
  var mark: UInt32 = 0

  @Option(help: "What conntrack says of its connection.")
  var state = ConnectionState.new

  @Option(help: "The mark of its connection.")
  var connectionMark: UInt32 = 0

  @Flag(help: "It goes against the direction of its connection's first packet.")
  var reply = false

  @Option(name: .customLong("pod-ip"), help: "An address of the pod; may be repeated. Default: those of its status.")
  var podIPs: [IPAddress] = []

  @Flag(help: "Suppose that the proxy does not listen.")
  var proxyDown = false

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let (run, ruleset) = try options.redirected()
    let packet = try self.packet(of: podIPs.isEmpty ? run.addresses : podIPs)
    let trace = Trace(packet, through: ruleset, proxyListens: !proxyDown)
    print(json ? trace.json(packet).text(.indented(2)) : trace.text(packet))
  }

  private func packet(of own: [IPAddress]) throws -> Packet {
    let family = to.address.family
    let isOwn = own.contains(to.address) || to.address.isLoopback
    let sender = own.first { $0.family == family } ?? IPAddress(family, family == .v4 ? 0x0a00_0001 : 0xfd << 120 | 1)
    let stranger = IPAddress(family, family == .v4 ? 0xc000_0201 : 0x2001_0db8 << 96 | 1)
    // The kernel's choice: 127.0.0.1 for all of 127.0.0.0/8, and an address of the pod for itself.
    let near = family == .v4 && to.address.isLoopback ? CIDR.loopback.address : isOwn ? to.address : sender
    let usual = from == .outside ? stranger : near
    let source = source ?? AddressAndPort(address: usual, port: Packet.anyPort)
    guard source.address.family == family else {
      throw ValidationError("--source is of another address family than --to")
    }
    return Packet(
      from == .outside ? .outside : .pod(user: UserID(uid), group: GroupID(gid ?? uid)),
      Redirect.Transport(rawValue: transport.rawValue), from: source.address, sourcePort: source.port,
      to: to.address, port: to.port, over: interface ?? (from == .pod && isOwn ? "lo" : "eth0"), mark: mark,
      connection: state, connectionMark: connectionMark,
      isForPod: isOwn || own.isEmpty, isReply: reply)
  }
}

/// `10.0.0.1:80`, `[fd00::1]:80`.
struct AddressAndPort: ExpressibleByArgument {
  let address: IPAddress
  let port: Port

  init(address: IPAddress, port: Port) {
    self.address = address
    self.port = port
  }

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[argument.index(after: colon)...]) else {
      return nil
    }
    var host = argument[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = host.dropFirst().dropLast() }
    // Without brackets nobody can tell an IPv6 address from one with a port.
    guard let address = IPAddress(host), (address.family == .v6) == isBracketed else { return nil }
    self.init(address: address, port: Port(port))
  }
}

extension IPAddress: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
}

extension ConnectionState: ExpressibleByArgument {}
