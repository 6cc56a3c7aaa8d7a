import CNI
import FaultTable
import JSON
import System

/// The plugin that comes after one that made the interface: it keeps a table on the node for each attachment, and
/// changes MTU and MAC of the interface where it is told to.
struct Chained: Role {
  let request: Request

  init(_ request: Request) {
    self.request = request
  }

  private func folder() throws(Failure) -> String { "\(try request.dataFolder())/.chained" }

  func add() throws(Failure) -> JSONObject {
    let configuration = request.configuration
    guard let previous = configuration.previousResult else {
      if fault == .acceptsNoPreviousResult { return ["cniVersion": .string(configuration.version.rawValue)] }
      throw Failure(
        code: .invalidConfiguration, message: "cannot run as the first plugin of a list",
        details: "there is no prevResult; put a plugin before this one that makes the interface")
    }
    let result = try AttachmentResult(previous: previous, version: configuration.version)
    let change = try LinkChange(request)
    let mappings = try PortMapping.all(in: configuration)
    let addresses = result.addresses.compactMap { IPPrefix($0) }
    let answer = try AttachmentResult(
      previous: change.noted(in: previous, request), version: configuration.version
    ).rendered(as: configuration.version)
    let namespace = try request.containerNamespace()
    let nftables = try Nftables(request.environment)
    try misconductAdd(namespace, nftables, AccessRules(addresses, mappings))

    guard let file = try AttachmentFile.claim(request.key, in: folder(), creating: true) else {
      throw Failure(code: .io, message: "cannot make the state of the attachment")
    }
    let before = file.read()
    do throws(Failure) {
      // What an earlier ADD found is what DEL restores, not what it left.
      let found = fault == .forgetsTheOriginal ? nil : before["link"]?.object
      let originals = if let found { found } else { try change.originals(request, namespace) }
      var state = request.key.state
      state["link"] = .object(originals)
      try file.write(state)
      state["rules"] = .string(
        try nftables.replace(table(request.key), AccessRules(addresses, mappings).text, in: try nodeNamespace()))
      if fault == .addsASecondTable, !before.isEmpty {
        _ = try nftables.replace(table(request.key) + "-again", "", in: try nodeNamespace())
      }
      try change.apply(request, namespace)
      state["runtimeConfig"] = .string(runtimeConfig)
      state["wanted"] = .object(change.wanted)
      state["finished"] = true
      try file.write(state)
    } catch {
      var teardown = Teardown()
      teardown.attempt { () throws(Failure) in
        try LinkChange.restore(before["link"]?.object ?? file.read()["link"]?.object ?? [:], request, namespace)
      }
      teardown.attempt { () throws(Failure) in try nftables.remove(table(request.key), from: try nodeNamespace()) }
      try? file.remove()
      throw error
    }
    return answer
  }

  /// What a plugin with the committed fault does before it begins.
  private func misconductAdd(
    _ namespace: borrowing NetworkNamespace, _ nftables: Nftables, _ rules: AccessRules
  ) throws(Failure) {
    let node = try nodeNamespace()
    switch fault {
    case .crashesWithoutInterface: if try !LinkChange.isPossible(request, namespace) { crash() }
    case .refusesExistingInterfaces:
      if try LinkChange.isPossible(request, namespace) {
        throw Failure(code: .exists, message: "cannot use \(request.key.interface): there is one of that name")
      }
    case .makesRulesBeforeState: _ = try nftables.replace(table(request.key), rules.text, in: node)
    case .racesForASharedTable:
      if try nftables.read("inet model-shared", in: node) == nil {
        pause(milliseconds: 50)
        try nftables.create("inet model-shared", in: node)
      }
    case .undoesOthersWork:
      try nftables.flush(in: node)
      try LinkChange.set(["mtu": 1500, "mac": "02:00:00:00:00:01"], request, namespace)
    default: break
    }
  }

  private var runtimeConfig: String { JSONValue.object(request.configuration.runtimeConfig ?? [:]).text() }

  private func table(_ key: AttachmentKey) -> String { "inet model-chained-\(key.digits)" }

  func delete() throws(Failure) {
    let namespace = try request.remainingNamespace()
    let file = try AttachmentFile.claim(request.key, in: folder(), creating: false)
    let state = file?.read()
    try failUnfinished(state)
    var teardown = Teardown()
    if let namespace, let originals = state?["link"]?.object {
      // The interface may be gone before its namespace, and its MTU with it.
      teardown.attempt { () throws(Failure) in try LinkChange.restore(originals, request, namespace) }
    }
    let hasPrevious = request.configuration.previousResult?.isEmpty == false
    let findsRules =
      switch fault {
      case .deletesRulesByPreviousResult: hasPrevious
      case .deletesRulesByRuntimeConfig: state?["runtimeConfig"]?.string == runtimeConfig
      default: true
      }
    if findsRules { teardown.attempt { () throws(Failure) in try removeRules(request.key, state) } }
    if let file {
      do throws(Failure) { try file.remove() } catch { teardown.attempt { () throws(Failure) in throw error } }
    }
    try teardown.finish()
  }

  /// - Parameter state: nil if nothing is known of the attachment; then there need not be anything to remove.
  private func removeRules(_ key: AttachmentKey, _ state: JSONObject?) throws(Failure) {
    let nftables: Nftables
    do throws(Failure) {
      nftables = try Nftables(request.environment)
    } catch {
      if state == nil, fault != .needsToolsOnDelete { return }
      throw error
    }
    if let state { waitForOrphans(of: state) }
    try nftables.remove(table(key), from: try nodeNamespace())
  }

  func check() throws(Failure) {
    let version = request.configuration.version
    let previous = try AttachmentResult(previous: request.configuration.previousResult, version: version)
    let result = try previous.rendered(as: .v1_1_0)
    let namespace = try request.containerNamespace()
    guard let state = AttachmentFile.state(of: request.key, in: try folder()) else {
      throw Failure(code: .broken, message: "CHECK of \(request.key.interface): nothing is known of the attachment")
    }
    let nftables = try Nftables(request.environment)
    let rules = try nftables.read(table(request.key), in: try nodeNamespace())
    if fault == .overlooksMissingRules, rules != nil { return }
    guard let rules, rules == state["rules"]?.string else {
      if fault == .repairsInCheck {
        let mappings = try PortMapping.all(in: request.configuration)
        let wanted = AccessRules(previous.addresses.compactMap { IPPrefix($0) }, mappings)
        _ = try nftables.replace(table(request.key), wanted.text, in: try nodeNamespace())
      }
      throw Failure(code: .broken, message: "CHECK of table \(table(request.key)): it is not as ADD made it")
    }
    try LinkChange.compare(state["wanted"]?.object ?? [:], result, request, namespace)
  }

  func collect(valid: Set<Attachment>?) throws(Failure) {
    guard let valid else { return }
    let folder = try folder()
    var teardown = Teardown()
    for (key, state) in try AttachmentFile.list(folder, network: request.configuration.name)
    where !valid.keeps(key.attachment) {
      teardown.attempt { () throws(Failure) in
        try removeRules(key, state)
        try AttachmentFile.claim(key, in: folder, creating: false)?.remove()
      }
    }
    try teardown.finishCollection()
  }

  func status() throws(Failure) {
    if fault == .overlooksMissingTools { return }
    do throws(Failure) {
      _ = try Nftables(request.environment)
    } catch {
      throw Failure(code: .notAvailable, message: error.message, details: error.details)
    }
  }
}
