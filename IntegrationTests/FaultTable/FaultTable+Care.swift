// What a plugin does about attachments that stand: CHK, GC, STA.
extension FaultTable {
  static let checking: [FaultRow] = [
    FaultRow("CHK-01", .alwaysFailsCheck, .main, .chained, .ipam, .redirect),
    FaultRow("CHK-02", .checksNothing, .main),
    FaultRow("CHK-03", .checksExistenceOnly, .main),
    FaultRow("CHK-04", .overlooksRoutes, .main),
    FaultRow("CHK-05", .checksExistenceOnly, .main),
    FaultRow("CHK-06", .forgetsToAskTheDelegate, .main),
    FaultRow("CHK-07", .repairsInCheck, .chained),
    FaultRow("CHK-08", .overlooksMissingRules, .chained),
    FaultRow("CHK-09", .overlooksNodeEnd, .main),
    FaultRow("CHK-10", .checksWithoutPreviousResult, .main, .chained),
    FaultRow("CHK-11", .insistsOnItsOwnResult, .main),
    FaultRow("CHK-12", .leavesAFilePerCheck, .main, .chained, .ipam, .redirect),
    FaultRow("CHK-13", .checksNothing, .main),
    FaultRow("CHK-14", .checksNothing, .main, .ipam),
    FaultRow("CHK-15", .miscodesDelegateErrors, .main),
    FaultRow("CHK-16", .crashesOnChangedMTU, .main, version: "1.1.0"),
    FaultRow("CHK-17", .leavesAFilePerCheck, .main),
    FaultRow("CHK-18", .failsCheckRightAfterAdd, .main),
  ]

  static let collection: [FaultRow] = [
    FaultRow("GC-01", .collectsEverything, .main, .chained, .ipam),
    FaultRow("GC-02", .collectsNothing, .main, .chained, .ipam),
    FaultRow("GC-03", .keepsGCFromTheDelegate, .main),
    FaultRow("GC-04", .collectsWithoutAList, .main, .chained, .ipam),
    FaultRow("GC-05", .collectsWithoutPath, .chained, .ipam),
    FaultRow("GC-06", .knowsTheNewKeyOnly, .main, .ipam),
    FaultRow("GC-07", .ignoresTheNetwork, .ipam, .chained),
    FaultRow("GC-08", .collectsByContainer, .main, .chained, .ipam),
    FaultRow("GC-09", .hidesCollectionErrors, .main, .ipam),
    FaultRow("GC-10", .failsSecondGC, .main),
    FaultRow("GC-11", .slowWithManyAttachments, .main),
    FaultRow("GC-12", .believesStrayVariablesInGC, .main),
    FaultRow("GC-13", .collectsForeignThings, .main, .ipam),
  ]

  static let status: [FaultRow] = [
    FaultRow("STA-01", .leavesAFilePerStatus, .main),
    FaultRow("STA-02", .requiresPath, .chained),
    FaultRow("STA-03", .miscodesDelegateErrors, .main),
    FaultRow("STA-04", .overlooksExhaustion, .ipam),
    FaultRow("STA-05", .overlooksMissingDelegate, .main),
    FaultRow("STA-06", .refusesWhenUnready, .main),
    FaultRow("STA-07", .overlooksMissingTools, .chained),
    FaultRow("STA-08", .slowStatus, .main),
  ]
}
