/// One way in which the model plugin can be wrong, named after what it then does.
///
/// `MODEL_CNI_FAULT` in the environment commits the plugin to one of them; see ``script(executing:)``.
package enum Fault: String, CaseIterable, Sendable {
  // Environment
  case acceptsAnyVerb, printsUsageWithoutVerb, defaultsMissingVariables, namesFirstMissingVariableOnly
  case requiresPath, requiresNamespaceOnDelete, requiresArguments, collectsWithoutPath
  case sanitisesContainerIDs, refusesLongContainerIDs
  case truncatesInterfaceNames, refusesLongInterfaceNames, renamesOddInterfaces
  case believesVersionVariable, believesStrayVariablesInGC
  case crashesWithoutHome, crashesWithoutPrivileges, crashesWithFewDescriptors, crashesWithoutStandardError
  case crashesOnOddArguments, refusesKubernetesArguments, needsAWorkingFolder, insistsOnItsName, obeysUmask
  case takesBoundNamespacesOnly, entersOwnNamespace, takesAnyOverride, succeedsWithoutNamespace

  // Standard input
  case readsInputOnce, actsBeforeEndOfInput, ignoresTrailingInput, mixesDuplicateKeys
  case crashesOnByteOrderMark, crashesOnUpperCaseKeys, crashesOnDeepJSON, crashesOnBigInput, crashesOnInvalidUTF8
  case crashesOnOddSpellings, acceptsAnyNetworkName, refusesLongNetworkNames, failsDeleteOfLongNames, coercesTypes
  case refusesUnknownKeys, insistsOnItsType, takesNullForAValue, crashesOnBrokenDelete

  // Versions
  case listsNoVersions, answersVersionWithAConstant, insistsOnInputForVersion, refusesProbes, needsRootForVersion
  case assumesNewestVersion, acceptsUnknownVersions, runsVerbsOfLaterVersions
  case mislabelsResults, ignoresVersion, leaksNewerFields, passesForeignVersionOn, leavesVersionOut
  case dependsOnVersion, dropsGatewaysInOldVersions, remembersFirstVersion, labelsEmptyResultsByHand

  // Answers
  case logsBeforeResult, mixesErrorOutputIntoResult, printsResultInEveryVerb, exitsWithSuccessOnError
  case reportsErrorsOnStandardErrorOnly, omitsVersionInError, usesCodeZero, miscodesBrokenInput, printsResultAndError
  case swallowsDecodingErrors, cutsLongResults, succeedsWithoutReader, leavesAFileWhilePrinting, tellsSecrets

  // Results of others
  case dropsDNS, dropsUnknownFields, dropsExtendedFields, dropsZeros, reversesRoutes
  case crashesOnNullEntries, insistsOnAddresses, acceptsNoPreviousResult, crashesOnOldResults
  case changesNamesakes, hidesItsChanges, crashesWithoutInterface, refusesExistingInterfaces

  // Making an interface
  case reportsNoSandbox, reportsStaleMACs, reportsIndexOutOfRange, reportsNoMTU
  case replacesExistingInterface, replacesDefaultRoute, releasesLiveLeaseOnRetry, leaksLeaseWithoutNamespace
  case dropsPreviousResult, givesOneFamilyOnly, leavesResidueOfFailedAdd, leavesAChild, failsBesideLoopback

  // State
  case keysWithoutInterface, ignoresTheNetwork, sharesMasqueradeBetweenInterfaces
  case leavesAFilePerDelete, leavesAFilePerCheck, leavesAFilePerStatus
  case forgetsTheOriginal, addsASecondTable, undoesOthersWork, makesRulesBeforeState, poisonsRacingDelete
  case racesForASharedTable, failsOnHeldLocks, neverTakesOverLocks

  // DEL
  case doesNothingOnDelete, failsSecondDelete, needsNamespaceOnDelete, doesNothingWithoutNamespace
  case needsPreviousResultOnDelete, deletesRulesByPreviousResult, deletesRulesByRuntimeConfig
  case deletesLinkByName, matchesPrefixes, failsDeleteOfLostLinks, flushesAllRulesOnDelete, deletesWithinTodaysRanges
  case stopsAtDelegateErrors, failsDeleteOfUnfinished, marksDeletes, needsToolsOnDelete

  // CHECK
  case alwaysFailsCheck, checksNothing, checksExistenceOnly, overlooksRoutes, overlooksNodeEnd
  case overlooksMissingRules, repairsInCheck, checksWithoutPreviousResult, insistsOnItsOwnResult
  case crashesOnChangedMTU, failsCheckRightAfterAdd, failsCheckBesideOthers, collidesGCWithCheck

  // GC and STATUS
  case collectsEverything, collectsNothing, collectsWithoutAList, knowsTheNewKeyOnly, collectsByContainer
  case hidesCollectionErrors, failsSecondGC, slowWithManyAttachments, collectsForeignThings
  case overlooksExhaustion, overlooksMissingDelegate, overlooksMissingTools, refusesWhenUnready, slowStatus

  // Addresses and delegates
  case reportsInterfaces, handsOutTheGateway, keepsPartialLeases, prefersArguments, reusesAddressesAtOnce
  case liesAboutReadOnlyState, handsOutTwice, crashesOnGarbageLeases, leavesEmptyLeases
  case takesTheLastDelegate, sparesTheDelegatesDelete, crashesOnOddDelegates, wantsItsOwnVersionFromDelegates
  case followsPathsInTypes, forgetsDelegatesOfKilledAdds, serialisesDelegates, forgetsToAskTheDelegate
  case keepsGCFromTheDelegate, miscodesDelegateErrors, givesUpOnSlowDelegates

  // Capabilities
  case refusesUnknownCapabilities, mapsValidPortsOnly, crashesOnConflictingRequests, needsRuntimeConfig
  case crashesOnBigIntegers, refusesBigAnnotations

  // Redirects
  case putsRulesOnTheNode, flushesForeignRules, ignoresOptOut, redirectsLate, failsOpen, appliesRulesOneByOne
  case stacksRules, insistsOnItsOwnRuleset, judgesByTodaysConfiguration, leavesOutboundAlone, catchesTheProxy
  case redirectsLocalTraffic, ignoresExclusions, catchesProbes, redirectsIPv4Only, alwaysCapturesDNS
  case catchesOpenConnections, forgetsOtherInterfaces, pinsTheNamespace, failsOpenWithoutAPI, waitsForAPIOnDelete
  case failsOnAHeldXtablesLock, leavesEmptyLegacyTables, crashesInUserNamespaces, changesKernelParameters
  case crashesWhenRefused
}

extension Fault? {
  /// A script that stands in for the model plugin and has it commit this fault, or none.
  ///
  /// The plugin finds the name it was called by in its last argument. `env` needs no descriptors of its own; a shell
  /// wants number 10, which not every case leaves it.
  ///
  /// - Parameter binary: the path of `model-cni`, without blanks.
  package func script(executing binary: String) -> String {
    "#!/usr/bin/env -S MODEL_CNI_FAULT=\(self?.rawValue ?? "") \(binary)\n"
  }
}
