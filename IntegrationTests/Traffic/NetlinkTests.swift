import CLinux
import Netlink
import System
import SystemPackage
import Testing

/// Netlink against the kernel, in namespaces of the test's own.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct NetlinkTests {
  @Test("a new namespace has lo alone, and lo is interface 1")
  func loopback() throws {
    let socket = try NetlinkSocket.open(.route, in: NetworkNamespace.create())
    #expect(try Links.names(through: socket) == ["lo"])
    #expect(try Links.index(of: "lo", through: socket) == .loopback)
  }

  @Test("an interface that is not there is ENODEV")
  func missingLink() throws {
    let socket = try NetlinkSocket.open(.route, in: NetworkNamespace.create())
    let error = #expect(throws: NetlinkError.self) { try Links.index(of: "eth7", through: socket) }
    #expect(error?.description == "get link eth7 = ENODEV (19)")
  }

  @Test("a veth has an end in each namespace, and goes from both when one is deleted")
  func veth() throws {
    let pair = try ConnectedPair.make()
    #expect(try Links.names(through: pair.here) == ["lo", "eth0"])
    #expect(try Links.names(through: pair.there) == ["lo", "peer0"])
    try Links.delete(Links.index(of: "eth0", through: pair.here), through: pair.here)
    #expect(try Links.names(through: pair.here) == ["lo"])
    #expect(try Links.names(through: pair.there) == ["lo"])
  }

  @Test("a name that is taken is EEXIST")
  func takenName() throws {
    let namespace = try NetworkNamespace.create()
    let socket = try NetlinkSocket.open(.route, in: namespace)
    let error = #expect(throws: NetlinkError.self) {
      try Links.createVeth("lo", peer: "peer0", peerNamespace: namespace, through: socket)
    }
    #expect(error?.errno == .fileExists)
    #expect(try Links.names(through: socket) == ["lo"])
  }

  @Test("addresses of both families are usable at once, and listed with their prefix")
  func addresses() throws {
    let pair = try ConnectedPair.make()
    try pair.setUp()
    let eth0 = try Links.index(of: "eth0", through: pair.here)
    for address in ["10.1.0.2/24", "fd00:1::2/64"] { try Addresses.add(address, to: eth0, through: pair.here) }
    try Addresses.add("::6", to: .loopback, through: pair.here)
    try Addresses.add("::7", to: .loopback, through: pair.here)
    try Addresses.remove("::7", from: .loopback, through: pair.here)
    let listed = try Addresses.list(through: pair.here)
    #expect(!listed.contains { $0.text == "::7/128" })
    for (text, interface) in [("10.1.0.2/24", eth0), ("fd00:1::2/64", eth0), ("::6/128", .loopback)] {
      let address = try #require(listed.first { $0.text == text })
      #expect(address.interface == interface)
      #expect(!address.isTentative)
    }
  }

  @Test("an address that is there is EEXIST, or accepted on request", arguments: ["10.1.0.2/24", "fd00:1::2/64"])
  func existingAddress(_ address: String) throws {
    let socket = try NetlinkSocket.open(.route, in: NetworkNamespace.create())
    try Addresses.add(address, to: .loopback, through: socket)
    let error = #expect(throws: NetlinkError.self) { try Addresses.add(address, to: .loopback, through: socket) }
    #expect(error?.errno == .fileExists)
    try Addresses.add(address, to: .loopback, through: socket, existing: .accept)
  }

  @Test("a text that is no address is named", arguments: ["10.0.0.300/24", "", "eth0", "10.0.0.1/33"])
  func malformedAddress(_ text: String) throws {
    let socket = try NetlinkSocket.open(.route, in: NetworkNamespace.create())
    let error = #expect(throws: NetlinkError.self) { try Addresses.add(text, to: .loopback, through: socket) }
    #expect(error?.code == .malformed)
    #expect(error?.description == "address(\(text)): malformed")
  }

  @Test(
    "default routes of both families lead to their gateway",
    arguments: [("10.1.0.2/24", "10.1.0.1", "192.0.2.9"), ("fd00:1::2/64", "fd00:1::1", "2001:db8::9")])
  func defaultRoute(_ address: String, _ gateway: String, _ remote: String) throws {
    let pair = try ConnectedPair.make()
    try pair.setUp()
    try Addresses.add(address, to: Links.index(of: "eth0", through: pair.here), through: pair.here)
    try Routes.addDefault(via: gateway, through: pair.here)
    #expect(try pair.namespace.ip("route", "get", remote).contains("via \(gateway) dev eth0"))
  }

  @Test("a gateway that no interface reaches is refused in the kernel's words")
  func extendedAcknowledgement() throws {
    let socket = try NetlinkSocket.open(.route, in: NetworkNamespace.create())
    try Links.setUp(.loopback, through: socket)
    let error = #expect(throws: NetlinkError.self) { try Routes.addDefault(via: "10.9.9.9", through: socket) }
    #expect(error?.code == .kernel)
    #expect(error?.description == "add route to 0.0.0.0/0 = ENETUNREACH (101): Nexthop has invalid gateway")
  }

  @Test("a mark leads to a table that takes everything for local, once, however often it is asked for")
  func localTable() throws {
    let namespace = try NetworkNamespace.create()
    let socket = try NetlinkSocket.open(.route, in: namespace)
    try Links.setUp(.loopback, through: socket)
    let rule = MarkRule(mark: 1337, table: 133, priority: 100)
    let families = [(Rules.Family.ipv4, "0.0.0.0/0"), (.ipv6, "::/0")]
    for _ in 0..<2 {
      for (family, prefix) in families {
        try Rules.add(family, rule, through: socket)
        try Routes.addLocal(prefix, table: 133, existing: .accept, through: socket)
      }
    }
    for family in ["-4", "-6"] {
      let rules = try namespace.ip(family, "rule", "list").split(separator: "\n").filter { $0.contains("0x539") }
      #expect(rules == ["100:\tfrom all fwmark 0x539 lookup 133"])
      #expect(try namespace.ip(family, "route", "show", "table", "133").hasPrefix("local default dev lo"))
    }
    for (family, prefix) in families {
      #expect(try Rules.list(family, through: socket) == [rule])
      #expect(try Routes.hasLocal(prefix, table: 133, through: socket))
      try Rules.remove(family, rule, through: socket)
      try Routes.removeLocal(prefix, table: 133, through: socket)
      #expect(try Rules.list(family, through: socket) == [])
      #expect(try !Routes.hasLocal(prefix, table: 133, through: socket))
      let noRule = #expect(throws: NetlinkError.self) { try Rules.remove(family, rule, through: socket) }
      #expect(noRule?.errno == .noSuchFileOrDirectory)
      let noRoute = #expect(throws: NetlinkError.self) {
        try Routes.removeLocal(prefix, table: 133, through: socket)
      }
      #expect(noRoute?.errno == .noSuchProcess)
    }
  }

  @Test("a prefix on a link is a route of that link")
  func linkRoute() throws {
    let namespace = try NetworkNamespace.create()
    let socket = try NetlinkSocket.open(.route, in: namespace)
    try Links.setUp(.loopback, through: socket)
    try Routes.add("10.7.0.0/16", device: .loopback, through: socket)
    #expect(try namespace.ip("route", "show") == "10.7.0.0/16 dev lo proto static scope link \n")
  }

  @Test("a socket stays in its namespace, whoever uses it")
  func bound() throws {
    let namespace = try NetworkNamespace.create()
    let own = try Links.names(through: NetlinkSocket.open(.route))
    let socket = try NetlinkSocket.open(.route, in: namespace)
    try Links.createVeth("only-here", peer: "peer0", peerNamespace: namespace, through: socket)
    #expect(try Links.names(through: NetlinkSocket.open(.route)) == own)
  }

  @Test("a dump longer than one datagram arrives whole")
  func longDump() throws {
    let socket = try NetlinkSocket.open(.route, in: NetworkNamespace.create())
    for third in 0..<4 {
      for fourth in 1..<255 { try Addresses.add("10.2.\(third).\(fourth)/32", to: .loopback, through: socket) }
    }
    #expect(try Addresses.list(through: socket).count { $0.text.hasPrefix("10.2.") } == 4 * 254)
  }
}

/// nf_tables transactions, with messages written out here.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct TransactionTests {
  @Test("a transaction makes its tables")
  func applied() throws {
    let socket = try NetlinkSocket.open(.netfilter, in: NetworkNamespace.create())
    try socket.send(transaction([newTable("one"), newTable("two")]))
    #expect(try tables(socket) == ["one", "two"])
  }

  @Test("of a transaction with a mistake nothing stays, and the first mistake is named")
  func refused() throws {
    let socket = try NetlinkSocket.open(.netfilter, in: NetworkNamespace.create())
    let batch = transaction([newTable("one"), deleteTable("none"), newTable("two"), deleteTable("neither")])
    let error = #expect(throws: NetlinkError.self) { try socket.send(batch) }
    #expect(error?.code == .kernel)
    #expect(error?.object == "delete table none")
    #expect(error?.errno == .noSuchFileOrDirectory)
    #expect(try tables(socket) == [])
  }

  @Test("a socket is as good as new after a refusal: no answer is left over for the next request")
  func afterRefusal() throws {
    let socket = try NetlinkSocket.open(.netfilter, in: NetworkNamespace.create())
    for _ in 0..<20 {
      #expect(throws: NetlinkError.self) { try socket.send(transaction([deleteTable("none"), newTable("x")])) }
      try socket.send(transaction([newTable("one")]))
      #expect(try tables(socket) == ["one"])
    }
  }

  @Test("a transaction for a subsystem that is not there is refused under its begin mark")
  func unknownSubsystem() throws {
    let socket = try NetlinkSocket.open(.netfilter, in: NetworkNamespace.create())
    let batch = [mark(NFNL_MSG_BATCH_BEGIN, subsystem: 200), newTable("one"), mark(NFNL_MSG_BATCH_END, subsystem: 200)]
    let error = #expect(throws: NetlinkError.self) { try socket.send(batch, timeLimit: .seconds(5)) }
    #expect(error?.code == .kernel)
    #expect(error?.object == "transaction")
  }

  @Test("thousands of messages are one transaction")
  func large() throws {
    let socket = try NetlinkSocket.open(.netfilter, in: NetworkNamespace.create())
    let names = (0..<3000).map { "table-\($0)-\(String(repeating: "x", count: 100))" }
    try socket.send(transaction(names.map(newTable)))
    #expect(try tables(socket).count == names.count)
  }

  @Test("a message that nobody acknowledges is a time-out that names it")
  func timeOut() throws {
    let socket = try NetlinkSocket.open(.netfilter, in: NetworkNamespace.create())
    // Without its end mark the kernel throws the transaction away and has nothing to say.
    let batch = [mark(NFNL_MSG_BATCH_BEGIN), mark(NFNL_MSG_BATCH_END, wantsAck: false), newTable("late")]
    let error = #expect(throws: NetlinkError.self) { try socket.send(batch, timeLimit: .milliseconds(50)) }
    #expect(error?.description == "table late: no answer from the kernel in time")
  }

  @Test("nothing to send is nothing to wait for")
  func empty() throws {
    try NetlinkSocket.open(.netfilter, in: NetworkNamespace.create()).send([])
  }

  private func transaction(_ messages: [Message]) -> [Message] {
    [mark(NFNL_MSG_BATCH_BEGIN)] + messages + [mark(NFNL_MSG_BATCH_END)]
  }

  private func mark(_ type: CInt, subsystem: Int = Int(NFNL_SUBSYS_NFTABLES), wantsAck: Bool = false) -> Message {
    Message(
      type: UInt16(type), flags: 0, payload: [UInt8(AF_UNSPEC), UInt8(NFNETLINK_V0), 0, UInt8(subsystem)],
      label: "transaction", wantsAck: wantsAck)
  }

  private func newTable(_ name: String) -> Message {
    table(NFT_MSG_NEWTABLE, name, flags: NLM_F_CREATE, label: "table \(name)")
  }

  private func deleteTable(_ name: String) -> Message {
    table(NFT_MSG_DELTABLE, name, flags: 0, label: "delete table \(name)")
  }

  private func table(_ type: nf_tables_msg_types, _ name: String?, flags: CInt, label: String) -> Message {
    var attributes = Attributes()
    if let name { attributes.append(UInt16(NFTA_TABLE_NAME.rawValue), string: name) }
    return Message(
      type: UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue), flags: UInt16(flags),
      payload: [UInt8(NFPROTO_INET), UInt8(NFNETLINK_V0), 0, 0] + attributes.bytes, label: label)
  }

  private func tables(_ socket: borrowing NetlinkSocket) throws -> [String] {
    try socket.dump(table(NFT_MSG_GETTABLE, nil, flags: 0, label: "get tables")).map { message in
      let reader = AttributeReader(message.payload.dropFirst(4))
      return try #require(try reader.first(UInt16(NFTA_TABLE_NAME.rawValue))).string()
    }
  }
}

/// Two namespaces connected by a veth, `eth0` here and `peer0` there.
private struct ConnectedPair: ~Copyable {
  let namespace: NetworkNamespace
  let here: NetlinkSocket
  let there: NetlinkSocket

  static func make() throws -> ConnectedPair {
    let namespace = try NetworkNamespace.create()
    let world = try NetworkNamespace.create()
    let here = try NetlinkSocket.open(.route, in: namespace)
    try Links.createVeth("eth0", peer: "peer0", peerNamespace: world, through: here)
    let there = try NetlinkSocket.open(.route, in: world)
    return ConnectedPair(namespace: namespace, here: here, there: there)
  }

  /// Sets both ends up.
  func setUp() throws {
    try Links.setUp(Links.index(of: "eth0", through: here), through: here)
    try Links.setUp(Links.index(of: "peer0", through: there), through: there)
  }
}

extension NetworkNamespace {
  /// What iproute2 prints inside: the independent view.
  fileprivate func ip(_ arguments: String...) throws -> String {
    try run("/usr/sbin/ip", arguments)
  }
}
