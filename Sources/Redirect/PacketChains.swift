extension Ruleset {
  /// The chains that every packet meets.
  static func packetChains(_ policy: Policy, _ sets: inout NamedSets) -> [Chain] {
    var arriving: [Rule] = []
    if policy.dropsInvalid || policy.handsOverTransparently {
      arriving += policy.excludedInterfaces.map {
        Rule("interface \($0) excluded", .inputInterface(.equal, $0), verdict: .return)
      }
    }
    if policy.dropsInvalid {
      arriving.append(
        Rule("conntrack cannot place it", .transport(.equal, .tcp), .connection([.invalid]), verdict: .drop))
    }
    guard policy.handsOverTransparently, let selection = inboundSelection(policy, &sets) else {
      return arriving.isEmpty ? [] : [Chain(.mangle, .prerouting, rules: arriving)]
    }
    let mark = LocalDelivery.transparentProxy.mark
    arriving.append(Rule("what the pod sends to itself", .inputInterface(.equal, "lo"), verdict: .return))
    arriving += selection.exempt
    arriving.append(
      Rule(
        "inbound", [.transport(.equal, .tcp)] + selection.captured, verdict: .goto(transparentChainName)))
    // No rule lets go what conntrack calls established: it remembers connections that the proxy has closed, and a new
    // one with the same addresses and ports would reach the application past the proxy. The kernel looks for a socket
    // of the connection itself before it takes the listener's.
    let transparent = [
      Rule("replies to what the pod opened", .isReply, verdict: .return),
      // Only these: a mark on what is for the pod anyway would get in the way of net.ipv4.tcp_fwmark_accept and
      // src_valid_mark.
      Rule("for another address, to be delivered here", .isForeign, verdict: .setMark(mark)),
      Rule(
        "inbound to the proxy, addresses untouched", .transport(.equal, .tcp),
        verdict: .transparentProxy(policy.ports.inbound)),
      Rule("the proxy does not listen", verdict: .drop),
    ]
    // A proxy that keeps the client's address marks its connections to the application. The replies must come back to
    // the proxy, though their destination is the client.
    let leaving = [
      Rule("remember the proxy's mark", .mark(.equal, mark), verdict: .saveMark),
      Rule("the application's replies go back to the proxy", .connectionMark(.equal, mark), verdict: .setMark(mark)),
    ]
    return [
      Chain(.mangle, .prerouting, rules: arriving), Chain(.mangle, .output, rules: leaving),
      Chain(transparentChainName, .mangle, rules: transparent),
    ]
  }

  private static let transparentChainName = "transparent"
}
