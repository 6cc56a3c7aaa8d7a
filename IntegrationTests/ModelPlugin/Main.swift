import CNI
import FaultTable
import JSON
import Netlink
import System

/// The plugin that makes the interface: a pair of veths, routed on the node.
struct Main: Role {
  let request: Request

  init(_ request: Request) {
    self.request = request
  }

  private func folder() throws(Failure) -> String { "\(try request.dataFolder())/.main" }

  func add() throws(Failure) -> JSONObject {
    let configuration = request.configuration
    let namespace = try containerNamespace()
    let given = fault == .dropsPreviousResult ? nil : configuration.previousResult
    let previous = try AttachmentResult(previous: given ?? [:], version: configuration.version).rendered(as: .v1_1_0)
    let delegate = try Delegate(request)
    let checksEarly = fault != .leavesResidueOfFailedAdd
    if checksEarly, delegate == nil, configuration.version < .v0_3_0 {
      throw Failure(
        code: .incompatibleVersion,
        message: "cannot say a result without addresses in version \(configuration.version.rawValue)")
    }
    // Before anything is made: a delegate that is not there, an interface that is.
    if checksEarly { _ = try delegate?.program() }
    let veth = try VethPair.open(request, namespace)
    do throws(Failure) {
      try veth.requireAbsence()
    } catch {
      if fault == .releasesLiveLeaseOnRetry { try delegate?.run(.DEL) }
      throw error
    }

    guard let file = try AttachmentFile.claim(request.key, in: folder(), creating: true) else {
      throw Failure(code: .io, message: "cannot make the state of the attachment")
    }
    do throws(Failure) {
      try veth.requireAbsence()
    } catch {
      // Ours to remove only if it is not that of the attachment we found.
      if file.read().isEmpty { try file.remove() }
      throw error
    }
    do throws(Failure) {
      var state = request.key.state
      try file.write(state)
      var addresses = try delegate?.add() ?? [:]
      if fault == .givesOneFamilyOnly { addresses.keepIPv4() }
      let made = try veth.create(addresses, mac: request.requested("mac", argument: "MAC")?.string)
      state["made"] = .object(made)
      if try configuration.bool("masquerade") == true {
        state["rules"] = .string(
          try Masquerade(request.key).apply(veth.addresses(made), environment: request.environment))
      }
      state["finished"] = true
      try file.write(state)
      return try AttachmentResult(previous: merged(previous, made, dns: addresses["dns"]), version: .v1_1_0)
        .rendered(as: configuration.version)
    } catch {
      if fault == .leavesResidueOfFailedAdd { throw error }
      var teardown = Teardown()
      teardown.attempt { () throws(Failure) in try remove(request.key, [:]) }
      if fault != .sparesTheDelegatesDelete { teardown.attempt { () throws(Failure) in try delegate?.run(.DEL) } }
      try? file.remove()
      throw error
    }
  }

  private func containerNamespace() throws(Failure) -> NetworkNamespace {
    do throws(Failure) {
      return try request.containerNamespace()
    } catch {
      if fault == .leaksLeaseWithoutNamespace { _ = try Delegate(request)?.add() }
      throw error
    }
  }

  /// What earlier plugins made, and behind it what we made.
  private func merged(_ previous: JSONObject, _ made: JSONObject, dns: JSONValue?) -> JSONObject {
    var result = previous
    let offset = previous["interfaces"]?.array?.count ?? 0
    result["interfaces"] = .array((previous["interfaces"]?.array ?? []) + (made["interfaces"]?.array ?? []))
    let ips = (made["ips"]?.array ?? []).map { ip -> JSONValue in
      var ip = ip.object ?? [:]
      ip["interface"] = .number(JSONNumber(offset + 1))
      return .object(ip)
    }
    let allIPs = (previous["ips"]?.array ?? []) + ips
    let routes = (previous["routes"]?.array ?? []) + (made["routes"]?.array ?? [])
    if !allIPs.isEmpty { result["ips"] = .array(allIPs) }
    if !routes.isEmpty { result["routes"] = .array(routes) }
    let candidates = [request.configuration.object["dns"], dns, previous["dns"]]
    result["dns"] = candidates.compactMap { $0 }.first { $0.object?.isEmpty == false } ?? [:]
    return result
  }

  func delete() throws(Failure) {
    let namespace = try request.remainingNamespace()
    if fault == .entersOwnNamespace || fault == .deletesLinkByName, let namespace {
      try VethPair.delete(request.key.interface, in: namespace)
    }
    let file = try AttachmentFile.claim(request.key, in: folder(), creating: false)
    let state = file?.read()
    if fault == .stopsAtDelegateErrors { try Delegate(request)?.run(.DEL) }
    try failUnfinished(state)
    if fault == .marksDeletes { try file?.markDeletion() }
    var teardown = Teardown()
    // First the link: an address that is given back must be in use nowhere.
    teardown.attempt { () throws(Failure) in try remove(request.key, state ?? [:]) }
    teardown.attempt { () throws(Failure) in
      if fault == .forgetsDelegatesOfKilledAdds, state?["finished"] != true { return }
      let delegate = try Delegate(request)
      do throws(Failure) {
        _ = try delegate?.program()
      } catch {
        // Without the plugin nothing was given out; only if we know of the attachment something is lost.
        if state == nil { return }
        throw error
      }
      try delegate?.run(.DEL)
    }
    if let file {
      do throws(Failure) { try file.remove() } catch { teardown.attempt { () throws(Failure) in throw error } }
    }
    try teardown.finish()
  }

  /// Removes what is outside of the container; the pair's other end goes with ours.
  private func remove(_ key: AttachmentKey, _ state: JSONObject) throws(Failure) {
    var teardown = Teardown()
    if fault != .deletesLinkByName { teardown.attempt { () throws(Failure) in try VethPair.delete(key) } }
    let masquerades = try request.configuration.bool("masquerade") == true
    if masquerades || state["rules"] != nil {
      teardown.attempt { () throws(Failure) in
        try Masquerade(key).remove(state, environment: request.environment)
      }
    }
    try teardown.finish()
  }

  func check() throws(Failure) {
    let namespace = try request.containerNamespace()
    let version = request.configuration.version
    let result = try AttachmentResult(previous: request.configuration.previousResult, version: version)
      .rendered(as: .v1_1_0)
    let state = AttachmentFile.state(of: request.key, in: try folder()) ?? [:]
    try VethPair.open(request, namespace).compare(result, made: state["made"]?.object ?? [:])
    if let rules = state["rules"]?.string {
      try Masquerade(request.key).compare(rules, environment: request.environment)
    }
    if fault == .forgetsToAskTheDelegate { return }
    try Delegate(request)?.run(.CHECK)
  }

  func collect(valid: Set<Attachment>?) throws(Failure) {
    var teardown = Teardown()
    if let valid {
      let folder = try folder()
      for (key, state) in try AttachmentFile.list(folder, network: request.configuration.name)
      where !valid.keeps(key.attachment) {
        teardown.attempt { () throws(Failure) in
          try remove(key, state)
          try AttachmentFile.claim(key, in: folder, creating: false)?.remove()
        }
      }
    }
    if fault != .keepsGCFromTheDelegate { teardown.attempt { () throws(Failure) in try Delegate(request)?.run(.GC) } }
    try teardown.finishCollection()
  }

  func status() throws(Failure) {
    guard let delegate = try Delegate(request) else { return }
    do throws(Failure) {
      _ = try delegate.program()
    } catch {
      if fault == .overlooksMissingDelegate { return }
      throw Failure(code: .notAvailable, message: error.message, details: error.details)
    }
    try delegate.run(.STATUS)
  }
}

/// A DEL after an ADD that was killed, as a plugin takes it that trusts its own state.
func failUnfinished(_ state: JSONObject?) throws(Failure) {
  if fault == .failsDeleteOfUnfinished, let state, state["finished"] != true {
    throw Failure(code: .refused, message: "cannot delete: the state of the attachment is broken")
  }
}

extension AttachmentFile {
  /// Notes that a DEL is under way, and does not go on where another one was.
  fileprivate borrowing func markDeletion() throws(Failure) {
    var state = read()
    guard state["deleting"] == nil else { throw Failure(code: .refused, message: "cannot delete: a DEL is under way") }
    state["deleting"] = true
    try write(state)
    pause(milliseconds: 20)
  }
}

extension JSONObject {
  fileprivate mutating func keepIPv4() {
    for (list, key) in [("ips", "address"), ("routes", "dst")] {
      self[list] = self[list]?.array.map { .array($0.filter { $0[key]?.string?.contains(":") == false }) }
    }
  }
}
