import Harness
import JSON
import NodeAgent
import System
import TestKit
import Testing

/// What the installer was at when it was killed, or when a call failed.
enum Undertaking: String, Sendable, CaseIterable {
  case installing
  case converting
  case installingOwned = "installing a file of our own"
  case upgrading
  case following = "following the primary plugin to another file"
  case uninstalling
  case uninstallingConverted = "uninstalling from a converted file"
  case uninstallingOwned = "uninstalling a file of our own"

  var isRemoval: Bool {
    switch self {
    case .installing, .converting, .installingOwned, .upgrading, .following: false
    case .uninstalling, .uninstallingConverted, .uninstallingOwned: true
    }
  }

  var arguments: [String] { [isRemoval ? "uninstall" : "install"] }

  private var isOwned: Bool { self == .installingOwned || self == .uninstallingOwned }

  var environment: [String: String] { isOwned ? ["ISTIO_OWNED_CNI_CONFIG": "true"] : [:] }

  /// What `install-cni install` makes of the environment and of the files of the ServiceAccount.
  ///
  /// - Parameter installed: What it made of them before.
  func wanted(_ installed: InstalledState, on host: AgentNode) -> Wanted {
    let layout = NodeLayout(
      binarySource: AgentNode.imageFolder, binaryTargets: [AgentNode.binaryFolder],
      configurationFolder: AgentNode.configurationFolder, runDirectory: AgentNode.runDirectory,
      serviceAccountFolder: host.serviceAccount.path, stateFolder: "\(AgentNode.configurationFolder)/.istio-cni",
      cacheFolder: AgentNode.cacheFolder)
    return Wanted(
      layout: layout,
      placement: isOwned ? .owned(fileName: "02-istio-cni.conflist", primary: nil) : .chained(fileName: nil),
      entry: installed.entry ?? [:], kubeconfig: installed.kubeconfig ?? [])
  }

  /// The files of other plugins, which are there when all is over.
  func files() throws -> [String: [UInt8]] {
    let isConverted = self == .converting || self == .uninstallingConverted
    let primary = try VendorFile(isConverted ? "bridge-crlf" : "calico")
    var files = [primary.name: primary.bytes]
    if self == .following { files["05-flannel.conflist"] = try VendorFile("flannel").bytes }
    return files
  }

  static let versions = ["version 1\n", "version 2, which is longer\n"].map { Array($0.utf8) }

  /// Brings an empty node to where the undertaking begins.
  ///
  /// - Parameter install: Installs what is wanted.
  func prepare(_ host: AgentNode, install: () throws -> Void) throws {
    try host.clear()
    try host.putInImage(Self.versions[0])
    for (name, bytes) in try files() where !name.hasPrefix("05") {
      let path = "\(AgentNode.configurationFolder)/\(name)"
      try host.node.write(bytes, to: path, mode: 0o640)
      // Not just now: a young `.conf` is given time to go again.
      try host.node.shell("touch -d '1 hour ago' \(path)")
    }
    if self != .installing, self != .converting, self != .installingOwned { try install() }
    if self == .upgrading { try host.putInImage(Self.versions[1]) }
    if self == .following {
      let flannel = try files()["05-flannel.conflist"] ?? []
      try host.node.write(flannel, to: "\(AgentNode.configurationFolder)/05-flannel.conflist")
    }
  }
}

/// The installer is interrupted at every system call that changes something.
@Suite(.requires(.namespaces), .requires(.tracing), .tags(.root), .timeLimit(.minutes(10)))
struct InterruptionTests {
  /// A node, what an undertaking leaves on it when nothing happens, and every call on the way.
  private struct Rehearsal {
    let host: AgentNode
    let undertaking: Undertaking
    let installer: TracedInstaller
    let calls: [SystemCall]
    /// Every content that a file of the configuration folder may have, by name.
    private let contents: [String: [[UInt8]]]
    private let installed: InstalledState

    init(_ undertaking: Undertaking) throws {
      self.undertaking = undertaking
      host = try AgentNode.withoutPods()
      installer = TracedInstaller(
        host: host, arguments: undertaking.arguments, environment: undertaking.environment)
      let prepare = { [host] in
        try undertaking.prepare(host) { try host.run("install", environment: undertaking.environment) }
      }
      try prepare()
      let before = try host.configurations()
      let stateBefore = try host.installed()
      calls = try installer.changes(prepare: prepare)
      let after = try host.configurations()
      installed = undertaking.isRemoval ? stateBefore : try host.installed()
      contents = Dictionary(grouping: Array(before) + Array(after), by: \.key).mapValues { $0.map(\.value) }
    }

    func prepare() throws {
      try undertaking.prepare(host, install: install)
    }

    /// What another start of the installer does. Here and not as a process, which would take most of the time.
    private func install() throws {
      let wanted = undertaking.wanted(installed, on: host)
      try settle { $0.pass(wanted) }
    }

    private func uninstall() throws {
      let layout = undertaking.wanted(installed, on: host).layout
      try settle { $0.remove(layout) }
    }

    /// A pass after which there is something left to do, and nothing failed, is followed by another.
    private func settle(_ pass: @escaping @Sendable (Installation) -> PassReport) throws {
      let reports = try host.node.run { () throws(SystemError) in
        let installation = Installation()
        var reports = [pass(installation)]
        while reports.count < 3, reports.last?.isHealthy == false { reports.append(pass(installation)) }
        return reports
      }
      #expect(reports.last?.isHealthy == true, "\(reports)")
    }

    /// Every file of the configuration folder is as before or as after, and one is there that the runtime can use.
    func judge(_ moment: String) throws {
      for (name, bytes) in try host.configurations() where !name.hasPrefix(".") {
        #expect(
          contents[name]?.contains(bytes) == true, "\(name) \(moment): \(String(decoding: bytes, as: UTF8.self))")
      }
      #expect(throws: Never.self, "\(moment)") { try host.runtime() }
      let state = try host.installed()
      if let binary = state.binary { #expect(Undertaking.versions.contains(binary), "\(moment)") }
      if let kubeconfig = state.kubeconfig { #expect(kubeconfig == installed.kubeconfig, "\(moment)") }
      // The entry is there only with what it needs.
      if state.entryCount > 0 { #expect(state.binary != nil && state.kubeconfig != nil, "\(moment)") }
    }

    /// The next start makes all well, and a removal gives back what was there.
    ///
    /// - Parameter bySecondRemoval: Whether a removal is followed by another one instead.
    func heal(_ moment: String, bySecondRemoval: Bool) throws {
      if !(bySecondRemoval && undertaking.isRemoval) {
        try install()
        #expect(try host.installed() == installed, "\(moment)")
        #expect(try host.configurations().keys.filter { $0.hasPrefix(".") } == [], "\(moment)")
      }
      try uninstall()
      #expect(try host.configurations() == undertaking.files(), "\(moment)")
      #expect(try host.configurationNames() == undertaking.files().keys.sorted(), "\(moment)")
      #expect(try host.node.names(in: AgentNode.binaryFolder) == [], "\(moment)")
      #expect(try host.node.names(in: AgentNode.runDirectory) == [], "\(moment)")
    }
  }

  @Test("killed before or after any call that changes something, the next start heals", arguments: Undertaking.allCases)
  func killed(undertaking: Undertaking) async throws {
    try await onOwnThread {
      let rehearsal = try Rehearsal(undertaking)
      let cuts = TracedInstaller.cuts(rehearsal.calls)
      #expect(cuts.count >= 5)
      for (index, cut) in cuts.enumerated() {
        // The pool's thread may be another one from then on.
        var isKilled = false
        for _ in 0..<3 where !isKilled {
          try rehearsal.prepare()
          isKilled = try rehearsal.installer.kill(cut)
        }
        #expect(isKilled, "\(cut) did not come")
        try rehearsal.judge("\(cut)")
        try rehearsal.heal("\(cut)", bySecondRemoval: index.isMultiple(of: 2))
      }
    }
  }

  @Test(
    "a disk that is full at any call leaves nothing half done, and the next start heals",
    arguments: [.installing, .converting, .upgrading, .uninstallingConverted, .uninstallingOwned] as [Undertaking])
  func full(undertaking: Undertaking) async throws {
    try await onOwnThread {
      let rehearsal = try Rehearsal(undertaking)
      for (index, call) in rehearsal.calls.enumerated() where call.takesRoom && !call.opens {
        try rehearsal.prepare()
        let outcome = try rehearsal.installer.fail(call, with: "ENOSPC")
        let output = String(decoding: outcome.standardError + outcome.standardOutput, as: UTF8.self)
        #expect([.exited(0), .exited(1)].contains(outcome.status), "\(call): \(output)")
        if outcome.status != .exited(0) { #expect(output.contains("ENOSPC"), "\(call): \(output)") }
        try rehearsal.judge("\(call)")
        try rehearsal.heal("\(call)", bySecondRemoval: index.isMultiple(of: 2))
      }
    }
  }
}
