import Redirect
import TruthTables

/// A packet of every kind that two rulesets can tell apart.
///
/// Rules compare a packet's properties with constants and nothing else, so all packets between two neighbouring
/// constants fare alike: one of each such class, in every combination that a kernel lets happen, stands for all. What
/// the tracer says of them it says of every packet; that the tracer is right is what the tables show.
struct PacketClasses {
  private var destinations: [IPAddress] = []
  private var sources: [IPAddress] = []
  private var ports: Set<Port> = [Port(0)]
  private var sourcePorts: Set<Port> = [Packet.anyPort]
  private var users: Set<UInt32> = [65_001]
  private var groups: Set<UInt32> = [65_001]
  private var marks: Set<UInt32> = [0]
  private var connectionMarks: Set<UInt32> = [0]
  private var states: [ConnectionState] = [.new]
  private var directions = [false]

  init(_ rulesets: Ruleset...) {
    var starts: Set<IPAddress> = Set(Scene.pod + Scene.podBehind + Scene.machine + Scene.remotes)
    starts.formUnion([IPAddress(.v4, 1 << 24), IPAddress(.v6, 0x2000 << 112)])
    var sourceStarts: Set<IPAddress> = Set(Scene.pod)
    for ruleset in rulesets {
      for set in ruleset.sets {
        switch set.elements {
        case .ports(let ports): for range in ports.ranges { add(range) }
        case .addresses(_, let ranges): for range in ranges { starts.formUnion(range.starts) }
        case .groups(let list): groups.formUnion(list.map(\.rawValue))
        }
      }
      for match in ruleset.chains.flatMap(\.rules).flatMap(\.matches) {
        switch match {
        case .destinationPort(_, let port): add(port...port)
        case .sourcePort(_, let port): sourcePorts.insert(port)
        case .destination(_, let prefix): starts.formUnion(prefix.range.starts)
        case .source(_, let prefix): sourceStarts.formUnion(prefix.range.starts)
        case .user(let user): users.insert(user.rawValue)
        case .group(let group): groups.insert(group.rawValue)
        case .mark(_, let mark): marks.insert(mark)
        case .connectionMark(_, let mark): connectionMarks.insert(mark)
        case .connection: states = ConnectionState.allCases
        case .isReply:
          states = ConnectionState.allCases
          directions = [false, true]
        default: break
        }
      }
    }
    destinations = starts.sorted()
    sources = sourceStarts.sorted()
  }

  private mutating func add(_ range: ClosedRange<Port>) {
    ports.insert(range.lowerBound)
    if range.upperBound.rawValue != .max { ports.insert(Port(range.upperBound.rawValue + 1)) }
  }

  /// The packet, of all classes, for which `body` holds; nil if there is none.
  func first(where body: (Packet) -> Bool) -> Packet? {
    for transport in [Transport.tcp, .udp, nil] {
      for destination in destinations {
        for source in sources where source.family == destination.family {
          for origin in origins {
            for interface in interfaces(origin, source, destination) {
              for mark in marks where mark == 0 || origin != .outside {
                for sourcePort in sourcePorts {
                  for port in ports {
                    let packet = Packet(
                      origin, transport, from: source, sourcePort: sourcePort, to: destination, port: port,
                      over: interface, mark: mark, isForPod: Scene.isOwn(destination))
                    if let found = history(of: packet).first(where: body) { return found }
                  }
                }
              }
            }
          }
        }
      }
    }
    return nil
  }

  /// The packet as the first of its connection, and as any other that rules can tell from it.
  private func history(of packet: Packet) -> [Packet] {
    states.flatMap { state in
      directions.filter { !$0 || state == .established || state == .related }.flatMap { isReply in
        connectionMarks.filter { $0 == 0 || state == .established }.map { mark in
          var packet = packet
          packet.connection = state
          packet.isReply = isReply
          packet.connectionMark = mark
          return packet
        }
      }
    }
  }

  private var origins: [Packet.Origin] {
    [.outside] + users.flatMap { user in groups.map { .pod(user: UserID(user), group: GroupID($0)) } }
  }

  /// Where such a packet can be: the kernel sends what is for the pod, and what comes from 127.0.0.0/8, over `lo`
  /// alone, and takes neither from elsewhere.
  private func interfaces(_ origin: Packet.Origin, _ source: IPAddress, _ destination: IPAddress) -> [String] {
    let isLocal = Scene.isOwn(destination) || destination == .magicSource(.v6)
    if origin == .outside {
      return source.isLoopback || destination.isLoopback ? [] : ["eth0", "eth1"]
    }
    if source.isLoopback && source.family == .v4 && !isLocal { return [] }
    return isLocal ? ["lo"] : ["eth0", "eth1"]
  }
}

extension ClosedRange<IPAddress> {
  /// Where the range begins, and where what follows it does.
  fileprivate var starts: [IPAddress] {
    let next = IPAddress(lowerBound.family, upperBound.value &+ 1)
    return next.value == 0 ? [lowerBound] : [lowerBound, next]
  }
}
