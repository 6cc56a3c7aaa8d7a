import Glibc
import NodeAgent
import System
import SystemPackage
import TestKit
import Testing

/// Folders that are missing or cannot be written, notes that are broken, sources that are gone.
@Suite struct BadWeatherTests {
  static func installed(_ node: borrowing NodeFolder) throws {
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    #expect(Installation().pass(node.wanted()).isHealthy)
  }

  @Test("without the folder of configurations nothing is done, and the plan says why")
  func noConfigurationFolder() throws {
    let node = try NodeFolder()
    try removeFolder(node.layout.configurationFolder)
    let report = Installation().pass(node.wanted())
    #expect(report.executed == [])
    #expect(report.failure == nil)
    #expect(report.remaining.obstacles.map(\.code.name) == ["noFolder"])
    #expect(!report.isHealthy)
    #expect(try !exists(node.layout.configurationFolder))
  }

  @Test("a folder of configurations that vanishes and returns is installed into again")
  func folderReturns() throws {
    let node = try NodeFolder()
    try Self.installed(node)
    let away = "\(node.root)/away"
    try renameFile(node.layout.configurationFolder, to: away)
    #expect(!Installation().pass(node.wanted()).isHealthy)
    try makeFolder(node.layout.configurationFolder)
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(try node.chain("10-calico.conflist") == ["calico", "istio-cni"])
  }

  @Test("a folder for binaries that is not there is named, with the setting, and the configuration is not touched")
  func noBinaryFolder() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    try removeFolder(node.layout.binaryTargets[1])
    let report = Installation().pass(node.wanted())
    let target = node.layout.targetBinaries[1]
    #expect(report.executed == [.writeBinary(path: node.layout.targetBinaries[0])])
    #expect(report.failure?.step == .writeBinary(path: target))
    #expect(report.failure?.metricResult == "COPY_BINARIES_FAILURE")
    #expect(report.failure?.isTransient == false)
    let problem = try #require(report.failure?.problem)
    #expect(problem.hasPrefix("cannot install the plugin as \(target): it is not there: open("))
    #expect(problem.hasSuffix(") = ENOENT (2)"))
    #expect(
      report.failure?.remedy
        == "see to it that \(node.layout.binaryTargets[1]) is there and mounted, or set CNI_BIN_TARGET_DIRS to another one"
    )
    #expect(try node.bytes("10-calico.conflist") == Array(NodeFolder.calico.utf8))
  }

  @Test("something else in the place of the run directory or of a binary is named, and nothing of ours stays beside it")
  func somethingInPlace() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    try removeFolder(node.layout.runDirectory)
    try AtomicFile.write([], to: node.layout.runDirectory, mode: 0o600)
    let kubeconfig = Installation().pass(node.wanted()).failure
    #expect(kubeconfig?.metricResult == "CREATE_KUBECONFIG_FAILURE")
    let problem = "cannot write the plugin's kubeconfig \(node.layout.kubeconfig): something else is in its place: "
    #expect(kubeconfig?.problem.hasPrefix(problem) == true)
    #expect(kubeconfig?.remedy == "remove that, or set CNI_AGENT_RUN_DIR to another one")
    try removeFile(node.layout.targetBinaries[0])
    try makeFolder(node.layout.targetBinaries[0])
    let binary = Installation().pass(node.wanted()).failure
    #expect(
      binary?.problem
        == "cannot install the plugin as \(node.layout.targetBinaries[0]): something else is in its place: "
        + "rename(\(node.layout.targetBinaries[0])) = EISDIR (21)")
    #expect(try names(inFolder: node.layout.binaryTargets[0]) == ["istio-cni"])
  }

  @Test("folders that may not be written are named, and are as they were")
  func noPermission() async {
    await #expect(processExitsWith: .success) {
      // Nothing is forbidden to root.
      if getuid() == 0 { try #require(setgid(65534) == 0 && setuid(65534) == 0) }
      let node = try NodeFolder()
      try node.write(NodeFolder.calico, to: "10-calico.conflist")
      let hint =
        "run as root with CAP_DAC_OVERRIDE, CAP_CHOWN and CAP_FOWNER, and look for denials of SELinux or AppArmor about "
      chmod(node.layout.configurationFolder, 0o555)
      let noState = Installation().pass(node.wanted())
      try #require(noState.executed == [])
      try #require(
        noState.failure?.problem
          == "cannot take the lock \(node.layout.stateFolder)/lock: permission is denied: "
          + "mkdir(\(node.layout.stateFolder)) = EACCES (13)")
      try #require(noState.failure?.remedy == hint + node.layout.stateFolder)
      chmod(node.layout.configurationFolder, 0o755)
      try makeFolder(node.layout.stateFolder)
      chmod(node.layout.configurationFolder, 0o555)
      let noEdit = Installation().pass(node.wanted())
      try #require(noEdit.executed.count == 3)
      try #require(noEdit.failure?.metricResult == "CREATE_CNI_CONFIG_FAILURE")
      try #require(noEdit.failure?.remedy == hint + node.layout.configurationFolder)
      try #require(try node.bytes("10-calico.conflist") == Array(NodeFolder.calico.utf8))
      chmod(node.layout.configurationFolder, 0o755)
      try #require(Installation().pass(node.wanted()).isHealthy)

      chmod(node.layout.runDirectory, 0o555)
      try removeFile(node.layout.targetBinaries[0])
      chmod(node.layout.binaryTargets[0], 0o555)
      let noBinary = Installation().pass(node.wanted())
      try #require(noBinary.failure?.remedy == hint + node.layout.binaryTargets[0])
      chmod(node.layout.binaryTargets[0], 0o755)
      var wanted = node.wanted()
      wanted.kubeconfig = [1]
      let noKubeconfig = Installation().pass(wanted)
      try #require(noKubeconfig.failure?.step == .writeKubeconfig)
      try #require(noKubeconfig.failure?.remedy == hint + node.layout.runDirectory)
      chmod(node.layout.runDirectory, 0o755)

      // Removed from the outside in: what cannot be undone keeps what it needs.
      chmod(node.layout.configurationFolder, 0o555)
      let stays = Installation().remove(node.layout)
      try #require(stays.executed == [])
      try #require(
        stays.failure?.problem.hasPrefix("cannot take our entry out of \(node.path("10-calico.conflist")): ") == true)
      try #require(try exists(node.layout.targetBinaries[0]))
      chmod(node.layout.configurationFolder, 0o755)
      try #require(Installation().remove(node.layout).isHealthy)
    }
  }

  @Test("a write that stops half way leaves everything as it was, at each file")
  func halfWritten() async {
    await #expect(processExitsWith: .success) {
      let node = try NodeFolder()
      let long = NodeFolder.calico.replacing("calico", with: String(repeating: "x", count: 3000))
      try node.write(long, to: "10-calico.conflist")
      try AtomicFile.write(Array(repeating: 1, count: 10_000), to: node.layout.sourceBinary, mode: 0o755)
      signal(SIGXFSZ, SIG_IGN)
      func limit(_ count: rlim_t) {
        var limit = rlimit(rlim_cur: count, rlim_max: .max)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      }
      limit(5)
      let journal = Installation().pass(node.wanted()).failure
      try #require(
        journal?.problem.hasPrefix("cannot write the journal \(node.layout.journal): write(") == true)
      try #require(journal?.metricResult == "COPY_BINARIES_FAILURE")
      limit(1000)
      let binary = Installation().pass(node.wanted()).failure
      limit(.max)
      try #require(binary?.step == .writeBinary(path: node.layout.targetBinaries[0]))
      try #require(binary?.remedy == "it is tried again; see errno(3) for what EFBIG means")
      try #require(try names(inFolder: node.layout.binaryTargets[0]) == [])
      try AtomicFile.write(NodeFolder.binary, to: node.layout.sourceBinary, mode: 0o755)
      limit(2000)
      let edit = Installation().pass(node.wanted())
      limit(.max)
      try #require(edit.executed.count == 3)
      try #require(try node.bytes("10-calico.conflist") == Array(long.utf8))
      try #require(try node.configurations == [".istio-cni", "10-calico.conflist"])
      try #require(Installation().pass(node.wanted()).isHealthy)
    }
  }

  @Test("a source that cannot be read keeps what is installed, and is told of")
  func noSource() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    try removeFile(node.layout.sourceBinary)
    let report = Installation().pass(node.wanted())
    #expect(report.remaining.obstacles.map(\.code.name).contains("noSource"))
    #expect(try node.chain("10-calico.conflist") == ["calico"])
    try AtomicFile.write(NodeFolder.binary, to: node.layout.sourceBinary, mode: 0o755)
    #expect(Installation().pass(node.wanted()).isHealthy)
    try removeFile(node.layout.sourceBinary)
    let found = try Installation().observe(node.layout)
    #expect(found.source == SystemError("open", node.layout.sourceBinary, .noSuchFileOrDirectory))
    #expect(!Installation().pass(node.wanted()).remaining.warnings.isEmpty)
    #expect(try readFile(node.layout.targetBinaries[0], limit: 100) == NodeFolder.binary)
  }

  // MARK: Notes

  @Test("a journal that is broken is made anew from what there is, and nothing is lost by it")
  func brokenJournal() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let before = try node.everything
    #expect(Installation().pass(node.wanted()).isHealthy)
    let marks = try Installation().observe(node.layout).journal.marks
    #expect(marks.count == 4)
    try AtomicFile.write(Array("{".utf8), to: node.layout.journal, mode: 0o600)
    let report = Installation().pass(node.wanted())
    #expect(report.isHealthy)
    #expect(!report.remaining.warnings.isEmpty)
    let found = try Installation().observe(node.layout)
    #expect(found.journalFault == nil)
    #expect(Set(found.journal.marks) == Set(marks))
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.everything == before)
  }

  @Test("without its state a node is judged by what is on it", arguments: VendorFile.all)
  func stateLost(vendor: VendorFile) throws {
    let node = try NodeFolder()
    try node.write(vendor.bytes, to: vendor.name, mode: 0o644)
    #expect(Installation().pass(node.wanted()).isHealthy)
    try renameFile(node.layout.stateFolder, to: "\(node.root)/away")
    let report = Installation().pass(node.wanted())
    #expect(report.executed == [])
    #expect(report.isHealthy)
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.configurations == [vendor.name])
    #expect(try node.bytes(vendor.name) == vendor.bytes)
  }

  @Test("a journal that cannot be read stops everything before it begins")
  func unreadableJournal() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    try makeFolders(node.layout.journal)
    let report = Installation().pass(node.wanted())
    #expect(report.executed == [])
    #expect(
      report.failure?.problem
        == "cannot read the journal \(node.layout.journal): something else is in its place: "
        + "read(\(node.layout.journal)) = EISDIR (21)")
    #expect(report.failure?.remedy == "remove that, or set CNI_STATE_DIR to another one")
    #expect(!report.isHealthy)
    #expect(throws: SystemError("read", node.layout.journal, .isDirectory)) {
      try Installation().observe(node.layout)
    }
  }

  @Test("marks and originals of files that are gone go as well")
  func primaryGone() throws {
    let node = try NodeFolder()
    try Self.installed(node)
    try node.write(NodeFolder.calico, to: "05-new.conflist")
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(try node.bytes("10-calico.conflist") == Array(NodeFolder.calico.utf8))
    #expect(try names(inFolder: node.layout.originals) == ["05-new.conflist"])
    try removeFile(node.path("05-new.conflist"))
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(try names(inFolder: node.layout.originals) == ["10-calico.conflist"])
    let entries = try Installation().observe(node.layout).journal.marks.filter {
      if case .entry = $0 { true } else { false }
    }
    #expect(entries == [.entry(file: "10-calico.conflist", original: "10-calico.conflist")])
  }

  @Test("what another has put into the state folder stays")
  func foreignState() throws {
    let node = try NodeFolder()
    try Self.installed(node)
    try AtomicFile.write([1], to: "\(node.layout.stateFolder)/theirs", mode: 0o600)
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try names(inFolder: node.layout.stateFolder) == ["theirs"])
  }

  @Test("on a node without anything of ours a removal does nothing, and leaves nothing")
  func nothingToRemove() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let before = try node.everything
    let report = Installation().remove(node.layout)
    #expect(report.executed == [])
    #expect(report.isHealthy)
    #expect(try node.everything == before)
    #expect(try node.configurations == ["10-calico.conflist"])
  }

  // MARK: Texts

  static let causes: [(Errno, Step, String, String)] = [
    (.noSpace, .writeKubeconfig, "no space is left", "make room on the file system of /r; what was there is unchanged"),
    (
      Errno(rawValue: EDQUOT), .writeKubeconfig, "no space is left",
      "make room on the file system of /r; what was there is unchanged"
    ),
    (
      .readOnlyFileSystem, .writeBinary(path: "/b/istio-cni"), "the file system is read-only",
      "set the chart's value global.platform to the platform of this cluster, or CNI_BIN_TARGET_DIRS to the folder of"
        + " plugins that its runtime uses"
    ),
    (
      .readOnlyFileSystem, .writeOwnFile(name: "x", bytes: []), "the file system is read-only",
      "mount /c so that it can be written, or set MOUNTED_CNI_NET_DIR to another one"
    ),
    (
      .notPermitted, .removeKubeconfig, "permission is denied",
      "run as root with CAP_DAC_OVERRIDE, CAP_CHOWN and CAP_FOWNER, and look for denials of SELinux or AppArmor about /r"
    ),
    (
      .improperLink, .writeOwnFile(name: "x", bytes: []), "two file systems",
      "mount /c as one folder, with nothing mounted below it"
    ),
    (.resourceBusy, .removeBinary(path: "/b/istio-cni"), "it is a mount point", "mount the folder /b, not the file"),
    (.ioError, .removeLeftover(path: "/c/.x.0"), "the disk fails", "see the node's kernel log"),
    (
      .notDirectory, .removeLeftover(path: "/c/.x.0"), "something else is in its place", "remove that"
    ),
  ]

  @Test("a failure says what could not be done, why, and what to do", arguments: causes.indices)
  func texts(index: Int) {
    let (errno, step, reason, remedy) = Self.causes[index]
    var layout = FakeNode.layout
    layout.runDirectory = "/r"
    layout.configurationFolder = "/c"
    let failure = StepFailure(step, SystemError("write", "/x", errno), in: layout)
    #expect(failure.problem.hasPrefix("cannot "))
    #expect(failure.problem.hasSuffix(": \(reason): write(/x) = \(errno.name) (\(errno.rawValue))"))
    #expect(failure.remedy == remedy)
  }

  @Test("a failure to read the source names that and its setting")
  func sourceText() {
    let layout = FakeNode.layout
    let failure = StepFailure(
      .writeBinary(path: "/b/istio-cni"), SystemError("open", layout.sourceBinary, .noSuchFileOrDirectory),
      in: layout)
    #expect(
      failure.problem
        == "cannot install the plugin as /b/istio-cni: it is not there: open(/opt/cni/bin/istio-cni) = ENOENT (2)")
    #expect(
      failure.remedy
        == "see to it that /opt/cni/bin is there and mounted, or set CNI_BIN_SOURCE_DIR to another one")
  }
}
