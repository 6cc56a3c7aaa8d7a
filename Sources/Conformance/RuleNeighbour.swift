/// Somebody else's packet filter rules in a container, all of which are about port 4444.
struct RuleNeighbour: Sendable {
  let name: String
  private let command: String
  private let input: String

  /// One for each way in which rules get into the kernel.
  static let all = [
    RuleNeighbour(
      name: "native nft", command: "nft -f -",
      input: """
        table inet neighbour {
          set ports { type inet_service; elements = { 4444 } }
          chain output { type nat hook output priority -90; tcp dport @ports counter accept; }
          chain input { type filter hook input priority 0; tcp dport 4444 counter accept; }
        }

        """),
    RuleNeighbour(
      name: "iptables-nft", command: "/bin/sh -e",
      input: """
        for program in iptables-nft ip6tables-nft; do
          $program -t nat -N NEIGHBOUR
          $program -t nat -A NEIGHBOUR -p tcp --dport 4444 -j RETURN
          $program -t nat -A OUTPUT -j NEIGHBOUR
          $program -t nat -A PREROUTING -j NEIGHBOUR
        done

        """),
    RuleNeighbour(
      name: "iptables-legacy", command: "/bin/sh -e",
      input: """
        for program in iptables-legacy ip6tables-legacy; do
          $program -t nat -N NEIGHBOUR
          $program -t nat -A NEIGHBOUR -p tcp --dport 4444 -j RETURN
          $program -t nat -A OUTPUT -j NEIGHBOUR
          $program -t mangle -A PREROUTING -p tcp --dport 4444 -j RETURN
        done

        """),
  ]

  func settle(in container: Container) throws {
    try container.node.tool(command, in: container, input: input)
  }
}
