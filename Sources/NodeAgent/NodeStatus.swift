import CNI
import Kubernetes
import System

/// What `install-cni status` tells: what is installed where, what leads, what would change, and who else is there.
package struct NodeStatus: Sendable {
  /// The kubeconfig on the node; its token is left out.
  package struct InstalledKubeconfig: Sendable, Equatable {
    package enum State: String, Sendable {
      case asWanted
      case missing
      case different
      /// What is wanted is not known.
      case unknown
    }

    package let path: String
    package let state: State
    /// Permission bits.
    package let mode: UInt32?
    /// `10.96.0.1:443`.
    package let server: String?
    /// Since 1970; nil if the token does not say, or is in a file of its own.
    package let tokenExpiry: Duration?
    /// Where the token is, if not in the kubeconfig.
    package let tokenFile: String?
    /// Why the plugin could not use it.
    package let fault: String?
  }

  /// One network configuration.
  package struct ConfigurationRow: Sendable, Equatable {
    package let name: String
    /// Nil if the file is broken.
    package let network: String?
    package let pluginTypes: [String]
    /// Who is likely to have written it.
    package let owner: String?
    /// Positions of entries of ours among the plugins, counted from 0.
    package let positions: [Int]
    /// Whether the file was made by us, as the journal says.
    package let isOurs: Bool
    package let fault: String?
  }

  package let reading: SettingsReading
  package let values: SettingValues
  package let found: Found
  /// Nil if it is not known what is wanted.
  package let plan: Plan?
  package let kubeconfig: InstalledKubeconfig
  package let configurations: [ConfigurationRow]
  /// Since 1970.
  package let now: Duration

  package init(reading: SettingsReading, values: SettingValues, found: Found) {
    self.reading = reading
    self.values = values
    self.found = found
    plan = reading.wanted.map { Plan(installing: $0, found: found) }
    kubeconfig = InstalledKubeconfig(found.kubeconfig, wanted: reading.wanted, at: reading.settings.layout.kubeconfig)
    let own = found.journal.marks.compactMap { if case .ownFile(let name) = $0 { name } else { nil } }
    configurations = (found.folder?.entries ?? []).map { ConfigurationRow($0, isOurs: own.contains($0.name)) }
    now = found.now
  }

  /// Whether nothing is to be done, and nothing keeps anything from being done.
  package var isAsWanted: Bool { plan?.isHealthy == true && obstacles.isEmpty && reading.problem == nil }

  /// What keeps the node from being as wanted.
  package var obstacles: [Obstacle] { reading.obstacles + (plan?.obstacles ?? []) }

  /// What people should know.
  package var warnings: [String] {
    var warnings = reading.warnings + (plan?.warnings ?? [])
    if let expiry = kubeconfig.tokenExpiry, expiry <= now {
      warnings.append("the token in the kubeconfig has expired: pods of the mesh cannot be looked up")
    }
    if let fault = found.journalFault { warnings.append("the journal cannot be used: \(fault)") }
    return warnings
  }

  /// The file that runtimes use, and why it is where our entry belongs; nil if there is none.
  package var leading: (name: String, reason: String)? {
    guard let wanted = reading.wanted, let plan else { return nil }
    switch wanted.placement {
    case .chained(let forced):
      return plan.primary.map {
        ($0, forced == nil ? "the first valid file of the folder" : "CNI_CONF_NAME names it")
      }
    case .owned(let name, _):
      return (name, plan.primary.map { "our own file, made of \($0)" } ?? "our own file")
    case .standalone(let name):
      return (name, "our own file, for a plugin that calls us by its name")
    }
  }

  /// The kept originals of others' files, by name.
  package var originals: [String] { found.originals.keys.sorted() }
}

extension NodeStatus.InstalledKubeconfig {
  fileprivate init(_ found: Found.Kubeconfig?, wanted: Wanted?, at path: String) {
    self.path = path
    mode = found?.mode
    var expiry: Duration?
    var tokenFile: String?
    var server: String?
    var fault: String?
    if let found {
      do throws(KubernetesError) {
        let kubeconfig = try Kubeconfig(found.bytes, path: path)
        server = kubeconfig.server.authority
        switch kubeconfig.credential {
        case .token(let token): expiry = token.expiry
        case .tokenFile(let path): tokenFile = path
        }
      } catch {
        fault = error.cause
      }
    }
    self.server = server
    self.tokenFile = tokenFile
    self.fault = fault
    tokenExpiry = expiry
    state =
      switch (found, wanted) {
      case (nil, _): .missing
      case (_, nil): .unknown
      case (let found?, let wanted?):
        found.bytes == wanted.kubeconfig && found.mode == wanted.kubeconfigMode ? .asWanted : .different
      }
  }
}

extension NodeStatus.ConfigurationRow {
  fileprivate init(_ entry: ConfigurationFolder.Entry, isOurs: Bool) {
    name = entry.name
    self.isOurs = isOurs
    switch entry.content {
    case .success(let file):
      network = file.name
      pluginTypes = file.pluginTypes
      owner = ConfigurationOwner(of: file, called: entry.name)?.name
      positions = ConflistEdit(of: file, type: NodeLayout.pluginName).positions
      fault = nil
    case .failure(let found):
      network = nil
      pluginTypes = []
      owner = nil
      positions = []
      fault = "\(found)"
    }
  }

  /// Where our entry is, for people: `3 of 3`.
  package var entryText: String {
    if positions.isEmpty { return "none" }
    return positions.map { "\($0 + 1)" }.joined(separator: ", ") + " of \(pluginTypes.count)"
  }
}
