import Testing

@testable import Netfilter

@Suite struct IptablesRuleTests {
  @Test(
    "words are cut as iptables-restore cuts them",
    arguments: [
      ("-p tcp  -j\tX", ["-p", "tcp", "-j", "X"]), (#"--comment "a b" -j X"#, ["--comment", "a b", "-j", "X"]),
      (#""a \"b\' \\ c""#, [#"a "b' \ c"#]), (#"a\b"#, [#"a\b"#]), (#""""#, [""]), (#"ab"c d"e"#, ["abc d", "e"]),
      ("", []), (#""open"#, ["open"]), (#""open\"#, ["open"]),
    ])
  func words(text: String, expected: [String]) {
    #expect(IptablesWord.all(in: text).map(\.text) == expected)
  }

  @Test(
    "the order of matches, and naming a match again, make no difference",
    arguments: [
      ("-p tcp -m tcp --dport 53 -m owner --uid-owner 1 -j X", "-m owner --uid-owner 1 -p tcp -m tcp --dport 53 -j X"),
      ("-p tcp -m multiport --dports 1,2 -j X", "-p tcp -m tcp -m multiport --dports 1,2 -j X"),
      ("-m conntrack --ctdir REPLY -m conntrack --ctstate NEW -j X", "-m conntrack --ctstate NEW --ctdir REPLY -j X"),
      ("-m comment --comment x -j X", #"-m comment --comment "x" -j X"#),
    ])
  func same(left: String, right: String) {
    #expect(IptablesRule(left).spelling == IptablesRule(right).spelling)
  }

  @Test(
    "everything else does",
    arguments: [
      ("-p tcp -m tcp --dport 53 -j X", "-p tcp -m tcp ! --dport 53 -j X"), ("-p tcp -j X", "! -p tcp -j X"),
      ("-j X", "-g X"), ("-p tcp -j X", "-p tcp -m socket -j X"), ("-p tcp -j X", "-p udp -j X"),
      ("-j REDIRECT --to-ports 1", "-j REDIRECT --to-ports 2"), ("-m comment --comment a -j X", "-j X"),
      ("-m mark --mark 0x1 -m connmark ! --mark 0x2 -j X", "-m mark ! --mark 0x2 -m connmark --mark 0x1 -j X"),
      ("-i eth0 -j X", "-o eth0 -j X"),
      (#"-m comment --comment "-p tcp" -j X"#, "-p tcp -m comment --comment tcp -j X"),
    ])
  func different(left: String, right: String) {
    #expect(IptablesRule(left).spelling != IptablesRule(right).spelling)
  }

  @Test(
    "the target is what -j or -g names, and nothing that only looks like it",
    arguments: [
      ("-p tcp -j ACCEPT", "ACCEPT"), ("-g CHAIN", "CHAIN"), ("-i -j -j X", "X"),
      (#"-m comment --comment "-j X" -j Y"#, "Y"), ("-m comment --comment -j -j Y", "Y"),
    ])
  func target(text: String, expected: String) {
    #expect(IptablesRule(text).target == expected)
  }

  @Test("a rule that only counts has no target")
  func noTarget() { #expect(IptablesRule("-p tcp").target == nil) }
}
