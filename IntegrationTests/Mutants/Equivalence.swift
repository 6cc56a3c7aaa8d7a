/// Mutants that no packet can tell from the right ruleset, for reasons that the tracer does not know of.
enum Equivalence {
  /// Conntrack zones: a datagram's zone decides which connection it belongs to, and so whether its addresses are
  /// changed back. It does not decide where a datagram goes whose addresses nobody changed.
  static func reason(for mutant: Mutant) -> String? {
    if mutant.place.hasPrefix("raw-prerouting") {
      return "the answer's addresses were not changed, so it reaches the agent in whatever zone it is counted"
    }
    if mutant.place.contains("(the agent asks"), mutant.change == "setZone(1) is return" {
      return "any zone but the application's keeps the agent's question apart"
    }
    if mutant.place.contains("(the application asks)"), mutant.change.hasPrefix("no longer asks for") {
      return "a datagram that is not redirected comes and goes in any zone"
    }
    return nil
  }
}
