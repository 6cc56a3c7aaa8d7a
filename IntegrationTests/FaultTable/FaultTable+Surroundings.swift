// Delegates, what runtimes hand over beside the configuration, and what may go wrong around a plugin: IPM, DLG, CAP, CON, FLT.
extension FaultTable {
  static let addresses: [FaultRow] = [
    FaultRow("IPM-01", .reportsInterfaces, .ipam),
    FaultRow("IPM-02", .handsOutTheGateway, .ipam),
    FaultRow("IPM-03", .keepsPartialLeases, .ipam),
    FaultRow("IPM-04", .prefersArguments, .ipam),
    FaultRow("IPM-05", .ignoresTheNetwork, .ipam),
    FaultRow("IPM-06", .reusesAddressesAtOnce, .ipam),
    FaultRow("IPM-07", .liesAboutReadOnlyState, .ipam),
  ]

  static let delegation: [FaultRow] = [
    FaultRow("DLG-01", .takesTheLastDelegate, .main),
    FaultRow("DLG-02", .leavesResidueOfFailedAdd, .main),
    FaultRow("DLG-03", .sparesTheDelegatesDelete, .main),
    FaultRow("DLG-04", .sparesTheDelegatesDelete, .main),
    FaultRow("DLG-05", .crashesOnOddDelegates, .main),
    FaultRow("DLG-06", .wantsItsOwnVersionFromDelegates, .main),
    FaultRow("DLG-07", .followsPathsInTypes, .main),
    FaultRow("DLG-08", .forgetsDelegatesOfKilledAdds, .main),
    FaultRow("DLG-09", .serialisesDelegates, .main),
    FaultRow("DLG-10", .forgetsToAskTheDelegate, .main),
  ]

  static let capabilities: [FaultRow] = [
    FaultRow("CAP-01", .refusesUnknownCapabilities, .main, .redirect),
    FaultRow("CAP-02", .mapsValidPortsOnly, .chained),
    FaultRow("CAP-03", .prefersArguments, .chained),
    FaultRow("CAP-04", .crashesOnConflictingRequests, .main),
    FaultRow("CAP-05", .needsRuntimeConfig, .chained, .redirect),
    FaultRow("CAP-06", .crashesOnBigIntegers, .chained),
    FaultRow("CAP-07", .deletesRulesByRuntimeConfig, .chained),
    FaultRow("CAP-08", .refusesBigAnnotations, .main, .redirect),
  ]

  static let concurrency: [FaultRow] = [
    FaultRow("CON-01", .handsOutTwice, .ipam),
    FaultRow("CON-02", .handsOutTwice, .ipam),
    FaultRow("CON-03", .poisonsRacingDelete, .main, .chained),
    FaultRow("CON-04", .racesForASharedTable, .chained),
    FaultRow("CON-05", .failsCheckBesideOthers, .main, .chained, .ipam, .redirect),
    FaultRow("CON-06", .failsBesideLoopback, .main),
    FaultRow("CON-07", .collidesGCWithCheck, .main),
    FaultRow("CON-08", .failsOnHeldLocks, .ipam),
  ]

  static let mishaps: [FaultRow] = [
    FaultRow("FLT-01", .failsDeleteOfUnfinished, .main, .chained, .redirect),
    FaultRow("FLT-02", .marksDeletes, .main),
    FaultRow("FLT-03", .succeedsWithoutReader, .main),
    FaultRow("FLT-04", .crashesWithoutStandardError, .main),
    FaultRow("FLT-05", .makesRulesBeforeState, .chained),
    FaultRow("FLT-06", .crashesOnGarbageLeases, .ipam),
    FaultRow("FLT-07", .crashesWithoutPrivileges, .main),
    FaultRow("FLT-08", .crashesWithFewDescriptors, .main),
    FaultRow("FLT-09", .insistsOnItsName, .main),
    FaultRow("FLT-10", .needsToolsOnDelete, .chained),
    FaultRow("FLT-11", .leavesEmptyLeases, .ipam),
    FaultRow("FLT-12", .neverTakesOverLocks, .ipam),
    FaultRow("FLT-13", .leavesAFileWhilePrinting, .chained, .redirect),
    FaultRow("FLT-14", .needsAWorkingFolder, .main),
    FaultRow("FLT-15", .needsNamespaceOnDelete, .main, .chained),
    FaultRow("FLT-16", .failsDeleteOfUnfinished, .main),
    FaultRow("FLT-17", .crashesWhenRefused, .main),
    FaultRow("FLT-18", .obeysUmask, .main, .ipam),
  ]
}
