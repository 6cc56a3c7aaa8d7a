import Redirect
import Testing
import TruthTables

@Suite struct RulesetTests {
  @Test("every packet ends where the truth tables say", arguments: Configuration.all)
  func truthTables(_ configuration: Configuration) {
    let ruleset = Ruleset(configuration.policy, hasIPv6: true)
    let oracle = Oracle(configuration)
    for question in Question.table(configuration) {
      let trace = Trace(question.packet, through: ruleset, proxyListens: configuration.proxyListens)
      #expect(trace.end == oracle.answer(question.packet), "\(question)")
    }
  }

  @Test("so does every packet under settings that nobody has thought of")
  func randomSettings() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<1000 {
      let configuration = Configuration.random(using: &random)
      let ruleset = Ruleset(configuration.policy, hasIPv6: true)
      let oracle = Oracle(configuration)
      for question in Question.table(configuration).shuffled(using: &random).prefix(100) {
        let end = Trace(question.packet, through: ruleset).end
        #expect(end == oracle.answer(question.packet), "\(question) under \(configuration.policy)")
      }
    }
  }

  @Test("the tables ask enough: 40 configurations and more, and each way a packet can end")
  func breadth() {
    let ends = Configuration.all.flatMap { configuration in
      Question.table(configuration).map { Oracle(configuration).answer($0.packet) }
    }
    #expect(Configuration.all.count >= 40)
    #expect(ends.count >= 600)
    let ports = ProxyPorts()
    for end in [
      Trace.End.passes, .dropped, .redirected(ports.outbound), .redirected(ports.inbound), .redirected(ports.dns),
      .handedOver(ports.inbound),
    ] {
      #expect(ends.count { $0 == end } > 20, "\(end)")
    }
  }

  @Test("lists become sets: the number of rules does not grow with them")
  func constantRuleCount() {
    let many = PortSet(stride(from: UInt16(20000), to: 22000, by: 2).map { Port($0)...Port($0) })
    let prefixes = stride(from: UInt128(0x0a00_0000), to: 0x0a08_0000, by: 512).map { (network: UInt128) in
      CIDR(IPAddress(.v4, network), prefixLength: 24)
    }
    let short = Ruleset(
      Policy(
        inbound: .all(except: PortSet(Port(1))), outbound: .all, excludedOutbound: Array(prefixes.prefix(1)),
        excludedOutboundPorts: PortSet(Port(1))), hasIPv6: true)
    let long = Ruleset(
      Policy(
        inbound: .all(except: many), outbound: .all, excludedOutbound: prefixes,
        excludedOutboundPorts: many), hasIPv6: true)
    #expect(short.ruleCount == long.ruleCount)
  }

  @Test(
    "without inbound ports there is no inbound chain, and nothing to deliver by mark", arguments: Policy.Mode.allCases)
  func noInbound(mode: Policy.Mode) {
    let ruleset = Ruleset(Policy(mode: mode, inbound: .only(PortSet()), outbound: .all), hasIPv6: true)
    #expect(ruleset.chains.map(\.name) == ["nat-output", "proxy-output", "outbound"])
    #expect(ruleset.localDelivery == nil)
  }

  @Test("each rule says in a comment that the kernel can keep what it is for", arguments: Configuration.all)
  func comments(_ configuration: Configuration) {
    for rule in Ruleset(configuration.policy, hasIPv6: true).chains.flatMap(\.rules) {
      #expect((1...127).contains(rule.comment.utf8.count))
    }
  }

  @Test("rules name only sets and chains that are there, and no set or chain is there for nothing")
  func references() {
    for configuration in Configuration.all {
      let ruleset = Ruleset(configuration.policy, hasIPv6: true)
      var sets: Set<String> = []
      var chains = Set(ruleset.chains.filter { $0.hook != nil }.map(\.name))
      for rule in ruleset.chains.flatMap(\.rules) {
        if case .goto(let chain) = rule.verdict { chains.insert(chain) }
        sets.formUnion(rule.matches.compactMap(\.setName))
      }
      #expect(sets.sorted() == ruleset.sets.map(\.name).sorted(), "\(configuration)")
      #expect(chains.sorted() == ruleset.chains.map(\.name).sorted(), "\(configuration)")
    }
  }

  @Test("a pod with an IPv6 address cannot do without ::6", arguments: [true, false])
  func magicAddress(hasIPv6: Bool) throws {
    let ruleset = Ruleset(Configuration.standard, hasIPv6: hasIPv6)
    #expect(ruleset.localAddresses == [LocalAddress(try #require(CIDR("::6/128")), isRequired: hasIPv6)])
  }
}
