import CNI
import FaultTable
import JSON
import System

/// The plugin that leads a container's traffic through a proxy, by rules inside the container's namespace.
///
/// It remembers what ADD did in a marker file, only where ADD did something: who was not redirected leaves no trace.
struct Redirect: Role {
  let request: Request

  init(_ request: Request) {
    self.request = request
  }

  private static let table = "inet model-redirect"

  private func folder() throws(Failure) -> String { "\(try request.dataFolder())/.redirect" }

  func add() throws(Failure) -> JSONObject {
    let configuration = request.configuration
    let result = try AttachmentResult(previous: configuration.previousResult, version: configuration.version)
    let answer = try result.rendered(as: configuration.version)
    let rules = try RedirectRules(configuration)
    let namespace = try request.containerNamespace()
    let isAgent = try request.arguments["K8S_POD_NAMESPACE"] == configuration.string("agentNamespace") ?? ""
    let wish = try configuration.bool("redirect")
    let isWanted = !isAgent && wish ?? true
    guard isWanted || fault == .ignoresOptOut else { return answer }
    do throws(Failure) {
      try requireAPI()
      try redirect(namespace, rules, Nftables(request.environment))
    } catch {
      if fault == .failsOpen { return answer }
      throw error
    }
    return answer
  }

  /// Only if the configuration names a cluster is there anybody to ask.
  private func requireAPI() throws(Failure) {
    guard let path = try request.configuration.string("kubeconfig") else { return }
    do throws(Failure) {
      try APIServer(kubeconfig: path).requireAnswer()
    } catch {
      if fault != .failsOpenWithoutAPI { throw error }
    }
  }

  private func redirect(
    _ container: borrowing NetworkNamespace, _ rules: RedirectRules, _ nftables: Nftables
  ) throws(Failure) {
    if fault == .putsRulesOnTheNode {
      try apply(try nodeNamespace(), rules, nftables)
    } else {
      try apply(container, rules, nftables)
    }
  }

  private func apply(
    _ namespace: borrowing NetworkNamespace, _ rules: RedirectRules, _ nftables: Nftables
  ) throws(Failure) {
    if fault == .flushesForeignRules { try nftables.flush(in: namespace) }

    guard let file = try AttachmentFile.claim(request.key, in: folder(), creating: true) else {
      throw Failure(code: .io, message: "cannot make the marker of the attachment")
    }
    var state = request.key.state
    do throws(Failure) {
      try file.write(state)
      // Rules are the container's: a second interface finds them there.
      if let other = try others().first?.state["rules"], try nftables.read(Self.table, in: namespace) == other.string {
        state["rules"] = other
      } else {
        if fault == .appliesRulesOneByOne { _ = try nftables.replace(Self.table, rules.outboundText, in: namespace) }
        state["rules"] = .string(try nftables.replace(Self.table, rules.text, in: namespace))
      }
      if fault == .redirectsLate { try redirectLate(namespace, rules, nftables) }
      if fault == .insistsOnItsOwnRuleset { state["ruleset"] = .string(try nftables.readAll(in: namespace)) }
      state["finished"] = true
      try file.write(state)
    } catch {
      if (try? others().isEmpty) == true { try? nftables.remove(Self.table, from: namespace) }
      try? file.remove()
      throw error
    }
  }

  /// Takes the rules away and has them come back when ADD is over.
  private func redirectLate(
    _ namespace: borrowing NetworkNamespace, _ rules: RedirectRules, _ nftables: Nftables
  ) throws(Failure) {
    try nftables.remove(Self.table, from: namespace)
    let script =
      "exec </dev/null >/dev/null 2>&1; sleep 1; nft -f - <<'END'\ntable \(Self.table) {\n\(rules.text)}\nEND\n"
    try attempting("enter the namespace") {
      try namespace.run { () throws(SystemError) in startInBackground(script) }
    }
  }

  /// The markers of the container's other interfaces, in whichever network.
  private func others() throws(Failure) -> [(key: AttachmentKey, state: JSONObject)] {
    let folder = try folder()
    if fault == .forgetsOtherInterfaces { return [] }
    return try fileNames(folder).compactMap { name in
      guard let state = AttachmentFile.state(named: name, in: folder), let key = AttachmentKey(state),
        key.containerID == request.key.containerID, key != request.key
      else { return nil }
      return (key, state)
    }
  }

  func delete() throws(Failure) {
    let namespace = try request.remainingNamespace()
    let file = try AttachmentFile.claim(request.key, in: folder(), creating: false)
    let state = file?.read()
    try failUnfinished(state)
    if fault == .waitsForAPIOnDelete { while (try? requireAPI()) == nil { pause(milliseconds: 500) } }
    if fault == .needsToolsOnDelete { _ = try Nftables(request.environment) }
    var teardown = Teardown()
    if let namespace {
      teardown.attempt { () throws(Failure) in
        guard try others().isEmpty else { return }
        guard let nftables = try? Nftables(request.environment) else {
          if state == nil { return }
          throw Failure(code: .refused, message: "cannot find the program nft, by which the redirect goes")
        }
        if let state { waitForOrphans(of: state) }
        try nftables.remove(Self.table, from: namespace)
      }
    }
    if let file {
      do throws(Failure) { try file.remove() } catch { teardown.attempt { () throws(Failure) in throw error } }
    }
    try teardown.finish()
  }

  func check() throws(Failure) {
    _ = try AttachmentResult(previous: request.configuration.previousResult, version: request.configuration.version)
    let namespace = try request.containerNamespace()
    let found = AttachmentFile.state(of: request.key, in: try folder())
    if fault == .judgesByTodaysConfiguration, try (request.configuration.bool("redirect") ?? true) != (found != nil) {
      throw Failure(code: .broken, message: "CHECK of \(request.key.interface): the redirect is not as configured")
    }
    guard let state = found else { return }
    let nftables = try Nftables(request.environment)
    let rules = try nftables.read(Self.table, in: namespace)
    if fault == .insistsOnItsOwnRuleset, state["ruleset"]?.string != (try nftables.readAll(in: namespace)) {
      throw Failure(code: .broken, message: "CHECK of \(request.key.interface): there are other rules")
    }
    guard let rules, rules == state["rules"]?.string else {
      if fault == .repairsInCheck {
        _ = try nftables.replace(Self.table, RedirectRules(request.configuration).text, in: namespace)
      }
      throw Failure(code: .broken, message: "CHECK of \(request.key.interface): the redirect is not as ADD made it")
    }
  }

  func collect(valid: Set<Attachment>?) throws(Failure) {
    guard let valid else { return }
    let folder = try folder()
    var teardown = Teardown()
    for (key, _) in try AttachmentFile.list(folder, network: request.configuration.name)
    where !valid.keeps(key.attachment) {
      teardown.attempt { () throws(Failure) in
        try AttachmentFile.claim(key, in: folder, creating: false)?.remove()
      }
    }
    try teardown.finishCollection()
  }

  func status() throws(Failure) {
    if fault == .overlooksMissingTools { return }
    do throws(Failure) {
      _ = try Nftables(request.environment)
      if let path = try request.configuration.string("kubeconfig") { _ = try APIServer(kubeconfig: path) }
    } catch {
      throw Failure(code: .notAvailable, message: error.message, details: error.details)
    }
  }
}
