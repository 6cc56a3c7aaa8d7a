import CNI
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
    guard try configuration.bool("redirect") ?? true else { return answer }
    let nftables = try Nftables(request.environment)

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
        state["rules"] = .string(try nftables.replace(Self.table, rules.text, in: namespace))
      }
      state["finished"] = true
      try file.write(state)
    } catch {
      if (try? others().isEmpty) == true { try? nftables.remove(Self.table, from: namespace) }
      try? file.remove()
      throw error
    }
    return answer
  }

  /// The markers of the container's other interfaces, in whichever network.
  private func others() throws(Failure) -> [(key: AttachmentKey, state: JSONObject)] {
    let folder = try folder()
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
    guard let state = AttachmentFile.state(of: request.key, in: try folder()) else { return }
    let rules = try Nftables(request.environment).read(Self.table, in: namespace)
    guard let rules, rules == state["rules"]?.string else {
      throw Failure(code: .broken, message: "CHECK of \(request.key.interface): the redirect is not as ADD made it")
    }
  }

  func collect(valid: Set<Attachment>?) throws(Failure) {
    guard let valid else { return }
    let folder = try folder()
    var teardown = Teardown()
    for (key, _) in try AttachmentFile.list(folder, network: request.configuration.name)
    where !valid.contains(key.attachment) {
      teardown.attempt { () throws(Failure) in
        try AttachmentFile.claim(key, in: folder, creating: false)?.remove()
      }
    }
    try teardown.finish()
  }

  func status() throws(Failure) {
    do throws(Failure) {
      _ = try Nftables(request.environment)
    } catch {
      throw Failure(code: .notAvailable, message: error.message, details: error.details)
    }
  }
}
