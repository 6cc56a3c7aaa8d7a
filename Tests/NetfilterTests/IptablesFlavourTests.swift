import Redirect
import Testing

@testable import Netfilter

@Suite struct IptablesFlavourTests {
  private static let folders = ["/opt/bin", "/usr/sbin"]

  private static func programs(_ paths: Set<String>, version: String = "") throws -> [IptablesPrograms] {
    try IptablesPrograms.all(in: folders, isExecutable: paths.contains) { _ throws(NetfilterError) in version }
  }

  private static func all(_ infix: String, in folder: String = "/usr/sbin") -> Set<String> {
    Set(
      ["iptables", "ip6tables"].flatMap { name in ["save", "restore"].map { "\(folder)/\(name)\(infix)-\($0)" } })
  }

  // MARK: programs

  @Test("programs that carry their flavour in their names are found without being asked")
  func named() throws {
    let programs = try IptablesPrograms.all(
      in: Self.folders, isExecutable: Self.all("-nft").union(Self.all("-legacy")).union(Self.all("")).contains
    ) { path throws(NetfilterError) in throw NetfilterError(.program, "asked \(path)") }
    #expect(programs.map(\.flavour) == [.nft, .legacy])
    #expect(programs[0].save[.v6] == "/usr/sbin/ip6tables-nft-save")
    #expect(programs[1].restore[.v4] == "/usr/sbin/iptables-legacy-restore")
  }

  @Test("each program comes from the first folder that has it")
  func firstFolder() throws {
    let paths = Self.all("-nft").union(["/opt/bin/ip6tables-nft-restore"])
    let programs = try #require(try Self.programs(paths).first)
    #expect(programs.restore == [.v4: "/usr/sbin/iptables-nft-restore", .v6: "/opt/bin/ip6tables-nft-restore"])
  }

  @Test(
    "a plain iptables tells its flavour; one that cannot is legacy",
    arguments: [
      ("iptables-save v1.8.9 (nf_tables)\n", IptablesFlavour.nft), ("iptables-save v1.8.9 (legacy)\n", .legacy),
      ("iptables-save v1.6.1\n", .legacy), ("", .legacy),
    ])
  func plain(version: String, expected: IptablesFlavour) throws {
    #expect(try Self.programs(Self.all(""), version: version).map(\.flavour) == [expected])
  }

  @Test("a plain iptables adds the flavour that was not found, and never a second of one")
  func plainBesideNamed() throws {
    let paths = Self.all("-legacy").union(Self.all(""))
    #expect(try Self.programs(paths, version: "iptables-save v1.8.9 (nf_tables)").map(\.flavour) == [.legacy, .nft])
    let legacy = try Self.programs(paths, version: "iptables-save v1.8.9 (legacy)")
    #expect(legacy.map { $0.save[.v4] } == ["/usr/sbin/iptables-legacy-save"])
  }

  @Test("save without restore is no flavour; IPv4 without IPv6 is one")
  func incomplete() throws {
    #expect(try Self.programs(["/usr/sbin/iptables-nft-save"]).isEmpty)
    let programs = try Self.programs(["/usr/sbin/iptables-nft-save", "/usr/sbin/iptables-nft-restore"])
    #expect(programs.map(\.flavour) == [.nft])
    #expect(programs.first?.save[.v6] == nil)
  }

  // MARK: the choice

  private static let ours = "*nat\n:OUTPUT ACCEPT [0:0]\n:ISTIO_CNI_X - [0:0]\n-A OUTPUT -j ISTIO_CNI_X\nCOMMIT\n"
  private static let theirs = "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -j RETURN\nCOMMIT\n"
  /// What a probe rule, or a mere `iptables-legacy -t nat -L`, leaves behind.
  private static let made = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"

  /// - Parameter v4: what the program prints; nil when it fails.
  private static func observation(
    _ flavour: IptablesFlavour, v4: String?, v6: String? = ""
  ) throws -> IptablesObservation {
    let programs = try #require(try Self.programs(all("-\(flavour.rawValue)")).first)
    let result = { (output: String?) in
      try output.map { .success(try IptablesSnapshotTests.parse($0)) }
        ?? Result<IptablesSnapshot, NetfilterError>.failure(NetfilterError(.program, "\(flavour)-save exited with 1"))
    }
    return IptablesObservation(programs: programs, families: [.v4: try result(v4), .v6: try result(v6)])
  }

  @Test(
    "the flavour that is chosen, and why",
    arguments: [
      ("", "", "iptables-nft: its programs work"),
      (made, "", "iptables-nft: its programs work"),
      (theirs, "", "iptables-legacy: others have rules there"),
      (theirs, theirs, "iptables-legacy: others have rules there"),
      ("", theirs, "iptables-nft: its programs work"),
      (theirs, ours, "iptables-nft: our chains are there already"),
      (ours, "", "iptables-legacy: our chains are there already"),
      (ours, theirs, "iptables-legacy: our chains are there already"),
      ("", nil, "iptables-legacy: iptables-nft-save exited with 1"),
      (nil, "", "iptables-nft: its programs work"),
    ] as [(String?, String?, String)])
  func chosen(legacy: String?, nft: String?, expected: String) throws {
    let observations = [try Self.observation(.nft, v4: nft), try Self.observation(.legacy, v4: legacy)]
    let choice = try IptablesChoice(among: observations, in: Self.folders)
    #expect("\(choice)" == expected)
    #expect(choice.strays.isEmpty)
  }

  @Test("IPv6 counts as much as IPv4 when it is asked who has rules where")
  func v6() throws {
    let observations = [try Self.observation(.nft, v4: ""), try Self.observation(.legacy, v4: "", v6: Self.theirs)]
    let choice = try IptablesChoice(among: observations, in: Self.folders)
    #expect("\(choice)" == "iptables-legacy: others have rules there")
  }

  @Test("chains of ours in both flavours are one set too many")
  func strays() throws {
    let observations = [try Self.observation(.nft, v4: Self.ours), try Self.observation(.legacy, v4: Self.ours)]
    let choice = try IptablesChoice(among: observations, in: Self.folders)
    #expect(choice.chosen.flavour == .nft)
    #expect(choice.strays.map(\.flavour) == [.legacy])
  }

  @Test("with one flavour installed it is that, and without any there is an error")
  func fewer() throws {
    let choice = try IptablesChoice(among: [try Self.observation(.legacy, v4: "")], in: Self.folders)
    #expect("\(choice)" == "iptables-legacy: there is no iptables-nft")
    #expect(
      throws: NetfilterError(.program, "no iptables-save and iptables-restore in /opt/bin:/usr/sbin")
    ) { try IptablesChoice(among: [], in: Self.folders) }
    let broken = [try Self.observation(.nft, v4: nil), try Self.observation(.legacy, v4: nil)]
    #expect(
      throws: NetfilterError(.program, "iptables-nft-save exited with 1, iptables-legacy-save exited with 1")
    ) { try IptablesChoice(among: broken, in: Self.folders) }
  }
}
