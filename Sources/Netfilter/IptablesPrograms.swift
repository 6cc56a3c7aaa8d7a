import Redirect

/// Which of the kernel's two interfaces the programs of iptables speak to. Rules made through one don't show in the
/// other, and packets meet both.
package enum IptablesFlavour: String, Sendable, CaseIterable {
  case nft
  case legacy
}

/// The programs of one flavour, by their paths.
struct IptablesPrograms: Sendable, Equatable {
  let flavour: IptablesFlavour
  let save: [IPFamily: String]
  let restore: [IPFamily: String]

  /// Looks for the programs of both flavours: those that carry it in their names, else those that say it.
  ///
  /// - Parameters:
  ///   - folders: in the order in which they are searched, for each program anew.
  ///   - version: what a program prints when it is asked for its version; empty if it does not know the question, as
  ///     before 1.8, when there was but one flavour.
  static func all(
    in folders: [String], isExecutable: (String) -> Bool, version: (String) throws(NetfilterError) -> String
  ) throws(NetfilterError) -> [IptablesPrograms] {
    func find(_ name: String) -> String? {
      folders.first { isExecutable("\($0)/\(name)") }.map { "\($0)/\(name)" }
    }
    var programs = IptablesFlavour.allCases.compactMap { IptablesPrograms($0, infix: "-\($0.rawValue)", find) }
    if programs.count < IptablesFlavour.allCases.count, let plain = find("iptables-save") {
      let flavour: IptablesFlavour =
        try version(plain).split { $0 == " " || $0 == "\n" }.contains("(nf_tables)") ? .nft : .legacy
      if !programs.contains(where: { $0.flavour == flavour }), let found = IptablesPrograms(flavour, infix: "", find) {
        programs.append(found)
      }
    }
    return programs
  }

  /// Nil without those for IPv4.
  private init?(_ flavour: IptablesFlavour, infix: String, _ find: (String) -> String?) {
    self.flavour = flavour
    var save: [IPFamily: String] = [:]
    var restore: [IPFamily: String] = [:]
    for family in IPFamily.allCases {
      save[family] = find("\(family.iptablesName)\(infix)-save")
      restore[family] = find("\(family.iptablesName)\(infix)-restore")
    }
    if save[.v4] == nil || restore[.v4] == nil { return nil }
    self.save = save
    self.restore = restore
  }
}

extension IptablesFlavour: CustomStringConvertible {
  package var description: String { "iptables-\(rawValue)" }
}

extension IPFamily {
  /// What the names of the family's programs begin with.
  var iptablesName: String { self == .v4 ? "iptables" : "ip6tables" }
}
