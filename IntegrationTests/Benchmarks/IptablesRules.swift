/// The default redirect as a rule-per-entry list for `iptables-restore`.
enum IptablesRules {
  static func text(isIPv6: Bool) -> String {
    let magic = isIPv6 ? "::6/128" : "127.0.0.6/32"
    let loopback = isIPv6 ? "::1/128" : "127.0.0.1/32"
    return """
      *nat
      :PREROUTING ACCEPT [0:0]
      :OUTPUT ACCEPT [0:0]
      :MESH_INBOUND - [0:0]
      :MESH_OUTPUT - [0:0]
      -A PREROUTING -p tcp -j MESH_INBOUND
      -A MESH_INBOUND -p tcp --dport 15008 -j RETURN
      -A MESH_INBOUND -p tcp --dport 15020 -j RETURN
      -A MESH_INBOUND -p tcp --dport 15021 -j RETURN
      -A MESH_INBOUND -p tcp --dport 15090 -j RETURN
      -A MESH_INBOUND -p tcp -j REDIRECT --to-ports 15006
      -A OUTPUT -p tcp -j MESH_OUTPUT
      -A MESH_OUTPUT -p tcp --dport 15020 -j RETURN
      -A MESH_OUTPUT -o lo -s \(magic) -j RETURN
      -A MESH_OUTPUT -o lo ! -d \(loopback) -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j REDIRECT --to-ports 15006
      -A MESH_OUTPUT -m owner --uid-owner 1337 -j RETURN
      -A MESH_OUTPUT -o lo -j RETURN
      -A MESH_OUTPUT -m owner --gid-owner 1337 -j RETURN
      -A MESH_OUTPUT -d \(loopback) -j RETURN
      -A MESH_OUTPUT -p tcp -j REDIRECT --to-ports 15001
      COMMIT

      """
  }
}
