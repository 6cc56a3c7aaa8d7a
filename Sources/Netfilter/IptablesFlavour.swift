import Redirect

/// What the programs of one flavour show of a namespace. Looking leaves no trace there: neither a rule nor a table.
struct IptablesObservation: Sendable {
  let programs: IptablesPrograms
  /// A failure where a family's programs are missing or do not work.
  let families: [IPFamily: Result<IptablesSnapshot, NetfilterError>]

  var flavour: IptablesFlavour { programs.flavour }

  var snapshots: [IPFamily: IptablesSnapshot] {
    families.compactMapValues { if case .success(let snapshot) = $0 { snapshot } else { nil } }
  }

  var hasOurs: Bool { snapshots.values.contains(where: \.hasOurs) }
  var hasOthers: Bool { snapshots.values.contains(where: \.hasOthers) }

  /// Why the flavour cannot be used; nil if it can.
  var defect: NetfilterError? {
    if case .failure(let error)? = families[.v4] { error } else { nil }
  }
}

/// The flavour to use in a namespace, and why.
struct IptablesChoice: Sendable {
  let chosen: IptablesObservation
  /// Those that have chains of ours beside the chosen one.
  let strays: [IptablesObservation]
  /// A half sentence for the log.
  let reason: String

  /// Chooses. What was chosen before is kept: a change would leave a second set of rules. Else what others use here is
  /// used, so that their rules and ours are in one table. Else the newer one.
  ///
  /// - Parameter folders: where the programs were looked for, for the error.
  init(among observations: [IptablesObservation], in folders: [String]) throws(NetfilterError) {
    let usable = observations.filter { $0.defect == nil }
    let holders = usable.filter(\.hasOurs)
    let candidates = holders.isEmpty ? usable : holders
    let nft = candidates.first { $0.flavour == .nft }
    let legacy = candidates.first { $0.flavour == .legacy }
    let prefersLegacy = legacy?.hasOthers == true
    guard let chosen = prefersLegacy ? legacy : nft ?? legacy else {
      let defects = observations.compactMap { $0.defect?.cause }
      throw defects.isEmpty ? .noPrograms(in: folders) : NetfilterError(.program, defects.joined(separator: ", "))
    }
    self.chosen = chosen
    strays = holders.filter { $0.flavour != chosen.flavour }
    reason =
      if !holders.isEmpty {
        "our chains are there already"
      } else if prefersLegacy {
        "others have rules there"
      } else if chosen.flavour == .nft {
        "its programs work"
      } else if let defect = observations.first(where: { $0.flavour == .nft })?.defect {
        defect.cause
      } else {
        "there is no iptables-nft"
      }
  }
}

extension NetfilterError {
  static func noPrograms(in folders: [String]) -> NetfilterError {
    NetfilterError(.program, "no iptables-save and iptables-restore in \(folders.joined(separator: ":"))")
  }
}

extension IptablesChoice: CustomStringConvertible {
  /// `iptables-legacy: others have rules there`
  var description: String { "\(chosen.flavour): \(reason)" }
}
