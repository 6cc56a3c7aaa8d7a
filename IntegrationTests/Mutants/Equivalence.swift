/// Mutants that no packet can tell from the right ruleset, for reasons that the tracer does not know of. Asked only
/// about mutants that real packets have not killed.
enum Equivalence {
  static func reason(for mutant: Mutant) -> String? {
    if mutant.place.contains("(conntrack cannot place it)"), mutant.change.hasPrefix("no longer asks for transport") {
      return "of other protocols conntrack cannot place what no socket gets either, such as wrong checksums"
    }
    // Zones: a datagram's zone decides which connection it belongs to, and so whether its addresses are changed back.
    // It does not decide where a datagram goes whose addresses nobody changed.
    if mutant.place.hasPrefix("raw-prerouting") {
      return "the answer's addresses were not changed, so it reaches the agent in whatever zone it is counted"
    }
    if mutant.place.contains("(the agent asks"), mutant.change == "setZone(1) is return" {
      return "any zone but the application's keeps the agent's question apart"
    }
    let asks = mutant.place.contains("(the application asks)") || mutant.place.contains("(the agent asks")
    if asks, mutant.change.hasPrefix("no longer asks for") {
      return "a datagram that is not redirected comes and goes in any zone"
    }
    if mutant.place.contains("(the agent answers"),
      mutant.change.hasPrefix("no longer asks for user") || mutant.change.hasPrefix("no longer asks for group")
    {
      return "what others send from that port is not redirected, or in that zone anyway"
    }
    if mutant.place.contains("(the agent answers"), mutant.change.hasPrefix("no longer asks for transport") {
      return "over lo conntrack looks at a segment a second time, without a zone, and finds its connection"
    }
    return nil
  }
}
