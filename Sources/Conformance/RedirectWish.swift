/// What a container of a redirect can ask for. The manifest says how, under `redirect.wishes` and by these names.
enum RedirectWish: String, CaseIterable, Sendable {
  /// No redirect.
  case optedOut
  /// To reach ports 1 and 65535 outside directly.
  case excludesOutboundPorts
  /// To be reached directly on ports 1 and 65535.
  case excludesInboundPorts
  /// To reach 0.0.0.0/0 and ::/0 directly.
  case excludesAllOutbound
  /// To reach 198.51.100.7/32 and 2001:db8:7::7/128 directly.
  case excludesOneAddress
  /// To reach 198.51.100.0/24 and 198.51.100.128/25, 2001:db8:7::/48 and 2001:db8:7:8000::/49 directly.
  case excludesOverlappingPrefixes
  /// Nothing, in so many words: every list of exclusions is there and empty.
  case excludesNothing
  /// That DNS goes to the proxy.
  case capturesDNS
  /// To be reached through TPROXY, which takes policy rules and routes beside packet filter rules.
  case isTransparent
  /// The most talkative log.
  case logsEverything
  /// One second for an invocation, at most.
  case hurries
}

extension LabNode {
  /// A container that asks for something.
  ///
  /// - Throws: `Inapplicable` if the manifest does not say how.
  func container(asking wish: RedirectWish) throws -> Container {
    guard lab.knows(wish) else {
      throw Inapplicable("the manifest does not say how a container wishes \"\(wish.rawValue)\"")
    }
    return try container(wish: wish.rawValue)
  }
}

extension Lab {
  func knows(_ wish: RedirectWish) -> Bool {
    manifest.redirect?.wishes[wish.rawValue] != nil
  }

  /// Where the redirect's listeners are.
  ///
  /// - Throws: `Inapplicable` if the manifest does not say.
  func redirectFacts() throws -> Manifest.RedirectFacts {
    guard let facts = manifest.redirect else { throw Inapplicable("the manifest has no \"redirect\" facts") }
    return facts
  }
}
