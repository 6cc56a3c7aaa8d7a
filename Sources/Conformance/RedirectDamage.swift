import JSON

/// One way to break a redirect in a container where nothing else has rules.
struct RedirectDamage: Sendable {
  let name: String
  /// A program with arguments, for the container's namespace, and its standard input.
  let command: String
  let input: String

  private init(_ name: String, _ command: String, input: String = "") {
    self.name = name
    self.command = command
    self.input = input
  }

  func inflict(on container: Container) throws {
    try container.node.tool(command, in: container, input: input)
  }

  /// All that can be done to the rules of a container: everything flushed, each rule deleted, each port of a listener
  /// altered, each hook removed, each policy rule deleted.
  ///
  /// - Parameters:
  ///   - ports: Of the listeners.
  ///   - before: What `policyRules` told before ADD.
  static func all(of container: Container, ports: [UInt16], policyRulesBefore before: [String]) throws
    -> [RedirectDamage]
  {
    let listing = try container.node.tool("nft -a list ruleset", in: container)
    var damages = [everythingFlushed]
    damages += nftDamages(listing, ports)
    for program in ["iptables-legacy", "ip6tables-legacy"] {
      let isUsed =
        "! grep -qs . /proc/self/net/\(program.hasPrefix("ip6") ? "ip6" : "ip")_tables_names || \(program)-save"
      damages += legacyDamages(try container.node.tool("/bin/sh -c '\(isUsed)'", in: container), program, ports)
    }
    return damages + (try policyDamages(of: container, before: before))
  }

  /// What `ip rule` tells, by family.
  static func policyRules(of container: Container) throws -> [String] {
    try ["-4", "-6"].flatMap { family in
      try container.node.tool("ip \(family) rule", in: container).split(separator: "\n").map { "\(family) \($0)" }
    }
  }

  static let everythingFlushed = RedirectDamage("everything flushed", "/bin/sh -c '\(flush)'")

  private static let flush = """
    nft flush ruleset; for p in iptables ip6tables; do \
    ! grep -qs . /proc/self/net/${p%tables}_tables_names || \
    $p-legacy-save | sed -n "/^[*C]/p" | $p-legacy-restore; done
    """

  private static func nftDamages(_ listing: String, _ ports: [UInt16]) -> [RedirectDamage] {
    var damages: [RedirectDamage] = []
    var table = "", chain = ""
    for line in listing.split(separator: "\n").map({ $0.trimming(while: \.isWhitespace) }) {
      let words = line.split(separator: " ")
      if line.hasPrefix("table ") {
        table = words[1...2].joined(separator: " ")
      } else if line.hasPrefix("chain ") {
        chain = String(words[1])
      } else if line == "}" || line.hasPrefix("set ") || line.hasPrefix("map ") {
        chain = ""
      } else if !chain.isEmpty, line.hasPrefix("type ") {
        damages.append(
          RedirectDamage(
            "hook \(chain) removed", "nft -f -",
            input: "flush chain \(table) \(chain)\ndelete chain \(table) \(chain)\n"))
      } else if !chain.isEmpty, let handle = line.firstMatch(of: #/ # handle ([0-9]+)$/#) {
        let rule = "\(table) \(chain) handle \(handle.1)"
        let text = String(line[..<handle.range.lowerBound])
        damages.append(RedirectDamage("rule deleted: \(text)", "nft delete rule \(rule)"))
        if let altered = text.withOtherPort(ports) {
          damages.append(
            RedirectDamage("port altered: \(text)", "nft -f -", input: "replace rule \(rule) \(altered)\n"))
        }
      }
    }
    return damages
  }

  private static func legacyDamages(_ listing: String, _ program: String, _ ports: [UInt16]) -> [RedirectDamage] {
    let lines = listing.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
    return lines.indices.filter { lines[$0].hasPrefix("-A ") }.flatMap { index in
      var less = lines
      let rule = less.remove(at: index)
      var damages = [
        RedirectDamage("rule deleted: \(rule)", "\(program)-restore", input: less.joined(separator: "\n"))
      ]
      if let altered = rule.withOtherPort(ports) {
        less.insert(altered, at: index)
        damages.append(
          RedirectDamage("port altered: \(rule)", "\(program)-restore", input: less.joined(separator: "\n")))
      }
      return damages
    }
  }

  private static func policyDamages(of container: Container, before: [String]) throws -> [RedirectDamage] {
    try policyRules(of: container).filter { !before.contains($0) }.compactMap { rule in
      guard let match = rule.firstMatch(of: /^(-[46]) ([0-9]+):/) else { return nil }
      return RedirectDamage("policy rule deleted: \(rule)", "ip \(match.1) rule delete priority \(match.2)")
    }
  }
}

extension String {
  /// With another number in place of the first of these ports; nil if none is there.
  fileprivate func withOtherPort(_ ports: [UInt16]) -> String? {
    for port in ports where contains("\(port)") { return replacing("\(port)", with: "\(port - 1)") }
    return nil
  }
}

extension Substring {
  fileprivate func trimming(while isDropped: (Character) -> Bool) -> Substring {
    var text = drop(while: isDropped)
    while let last = text.last, isDropped(last) { text.removeLast() }
    return text
  }
}
