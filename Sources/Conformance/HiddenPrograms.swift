extension Call {
  /// The programs that write packet filter rules, as patterns of a shell.
  static let ruleTools = ["/usr/sbin/nft", "/usr/sbin/iptables*", "/usr/sbin/ip6tables*", "/usr/sbin/xtables*"]

  /// On a node where nobody can execute some programs, nor find them by `PATH`.
  ///
  /// - Parameter programs: Paths, or patterns of a shell.
  func hiding(_ programs: [String]) -> Call {
    var call = self
    call.launcher = [
      "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
      """
      for program in \(programs.joined(separator: " ")); do
        [ ! -e "$program" ] || mount -n --bind /dev/null "$program" || exit 125
      done
      exec "$0"
      """,
    ]
    return call
  }

  /// Run by a root that may not administer networks.
  func withoutNetworkRights() -> Call {
    var call = self
    call.launcher = ["/usr/bin/setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    return call
  }
}
