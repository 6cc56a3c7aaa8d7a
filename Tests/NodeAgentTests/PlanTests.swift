import JSON
import NodeAgent
import System
import SystemPackage
import Testing

/// What is planned in single situations, and in which words.
@Suite struct PlanTests {
  static let chained: Wanted.Placement = .chained(fileName: nil)
  static let owned: Wanted.Placement = .owned(fileName: "02-istio-cni.conflist", primary: nil)

  static func list(_ name: String, _ more: String = "") -> String {
    "{\"name\": \"\(name)\"\(more), \"plugins\": [{\"type\": \"bridge\"}]}"
  }

  static func plan(_ node: FakeNode, _ placement: Wanted.Placement = chained) -> Plan {
    Plan(installing: FakeNode.wanted(placement), found: node.found)
  }

  /// A node with these files, where all else is installed.
  static func node(_ files: [String: String], _ placement: Wanted.Placement? = nil) -> FakeNode {
    var node = FakeNode()
    node.binaries[FakeNode.binary] = .same
    node.kubeconfig = Found.Kubeconfig(bytes: Array("kubeconfig".utf8), mode: 0o600)
    for (name, text) in files { node.write(text, to: name) }
    if let placement { node.execute(plan(node, placement)) }
    return node
  }

  // MARK: Order

  @Test("an installation goes from what nobody uses to what everybody does")
  func installOrder() {
    var node = FakeNode()
    node.leftovers = ["/host/opt/cni/bin/.istio-cni.abcdefghi"]
    node.write(Self.list("a"), to: "10-a.conflist")
    #expect(
      Self.plan(node).steps.map(\.description) == [
        "remove /host/opt/cni/bin/.istio-cni.abcdefghi, which is left from a writer that was killed",
        "copy the plugin to /host/opt/cni/bin/istio-cni, where it is missing or another",
        "write the plugin's kubeconfig, which is missing or another",
        "edit 10-a.conflist: put our entry at the end of its plugins, since it has none",
      ])
  }

  @Test("a removal goes the other way")
  func removalOrder() {
    var node = Self.node(["10-a.conf": #"{"type":"bridge","name":"a"}"#], Self.chained)
    node.leftovers = ["/host/opt/cni/bin/.istio-cni.abcdefghi"]
    node.originals["20-gone.conflist"] = node.originals["10-a.conf"]
    #expect(
      Plan(removing: FakeNode.layout, found: node.found).steps.map(\.description) == [
        "give back 10-a.conf, of which 10-a.conflist was made",
        "remove /host/etc/cni/net.d/.istio-cni/originals/20-gone.conflist, which is left from a writer that was killed",
        "remove the plugin's kubeconfig", "remove /host/opt/cni/bin/istio-cni, which nothing needs any more",
        "remove /host/opt/cni/bin/.istio-cni.abcdefghi, which is left from a writer that was killed",
      ])
  }

  @Test("a new file that leads gets our entry before the former one loses it")
  func preempted() {
    var node = Self.node(["10-a.conflist": Self.list("a")], Self.chained)
    node.write(Self.list("b"), to: "05-b.conflist")
    #expect(
      Self.plan(node).steps.map(\.description) == [
        "edit 05-b.conflist: put our entry at the end of its plugins, since it has none",
        "take our entry out of 10-a.conflist, which is then as it was",
      ])
  }

  @Test("our own file is there before the entry leaves the primary's, and goes after it has come back")
  func changesPlacement() {
    var node = Self.node(["10-a.conflist": Self.list("a")], Self.chained)
    let toOwned = Self.plan(node, Self.owned)
    #expect(
      toOwned.steps.map(\.description) == [
        "write our own file 02-istio-cni.conflist, which is missing or another",
        "take our entry out of 10-a.conflist, which is then as it was",
      ])
    node.execute(toOwned)
    #expect(
      Self.plan(node).steps.map(\.description) == [
        "edit 10-a.conflist: put our entry at the end of its plugins, since it has none",
        "remove our own file 02-istio-cni.conflist, which is not wanted any more",
      ])
  }

  @Test(
    "an edit says why",
    arguments: [
      (#"{"type":"istio-cni"},{"type":"a"}"#, "the one there is not the last"),
      (#"{"type":"a"},{"type":"istio-cni"}"#, "the one there is not as set"),
      (#"{"type":"istio-cni"},{"type":"a"},{"type":"istio-cni"}"#, "it has 2"),
    ])
  func reason(plugins: String, reason: String) {
    let node = Self.node(["10-a.conflist": "{\"name\":\"a\",\"plugins\":[\(plugins)]}"])
    #expect(
      Self.plan(node).steps.map(\.description)
        == ["edit 10-a.conflist: put our entry at the end of its plugins, since \(reason)"])
  }

  // MARK: Waiting

  static let standstills:
    [(files: [String: String], placement: Wanted.Placement, code: Obstacle.Code, problem: String)] = [
      ([:], chained, .noPrimary, "waiting for another plugin's network configuration in /host/etc/cni/net.d"),
      ([:], owned, .noPrimary, "waiting for another plugin's network configuration in /host/etc/cni/net.d"),
      (
        ["10-a.conf": "{"], chained, .noPrimary,
        "waiting for another plugin's network configuration in /host/etc/cni/net.d"
      ),
      (
        ["10-a.json": list("a")], chained, .noPrimary,
        "waiting for another plugin's network configuration in /host/etc/cni/net.d"
      ),
      (
        ["20-b.conflist": list("b")], .chained(fileName: "10-a.conf"), .noPrimary,
        "waiting for 10-a.conf in /host/etc/cni/net.d"
      ),
      (
        ["10-a.conf": "{"], .chained(fileName: "10-a.conflist"), .broken,
        "cannot edit 10-a.conf, which the settings name: line 1 column 2: expected a key in quotes or '}', but the text ends here"
      ),
      (
        [:], .chained(fileName: "10-a.json"), .badName,
        "the primary plugin's file cannot be called \"10-a.json\""
      ),
      (
        ["10-a.conflist": #"{"name":"a","name":"b","plugins":[{"type":"c"}]}"#, "20-b.conflist": list("b")], chained,
        .uneditable,
        "cannot edit 10-a.conflist: line 1 column 13: key \"name\" occurs twice in one object, yet runtimes load it"
      ),
      (
        ["10-a.conflist": list("a", #", "cniVersion": "1.2.0""#)], chained, .unsupportedVersion,
        "cannot add istio-cni to 10-a.conflist: with cniVersion \"1.2.0\" it would fail for every pod"
      ),
      (
        ["01-a.conflist": list("a")], owned, .ownFileSortsLate,
        "our own list 02-istio-cni.conflist would not be used: 01-a.conflist sorts before it"
      ),
      (
        ["01-ours.conflist": list("a"), "10-a.conflist": list("a")],
        .owned(fileName: "01-ours.conflist", primary: nil), .nameTaken,
        "cannot write our own configuration 01-ours.conflist: another's is there"
      ),
      (
        [:], .owned(fileName: "02-istio-cni.conf", primary: nil), .badName,
        "our own list cannot be called \"02-istio-cni.conf\""
      ),
      ([:], .standalone(fileName: "a.json"), .badName, "our own configuration cannot be called \"a.json\""),
      (
        [
          "10-a.conf": #"{"name":"a","type":"b"}"#, "10-a.conflist": list("a"),
          "10-a.conf-istio-cni.conflist": list("c"),
        ], chained, .nameTaken,
        "cannot make a list of 10-a.conf: 10-a.conflist and 10-a.conf-istio-cni.conflist are there as well"
      ),
    ]

  @Test("what keeps our entry out is said, and nothing is done", arguments: standstills.indices)
  func waits(index: Int) {
    let (files, placement, code, problem) = Self.standstills[index]
    let plan = Self.plan(Self.node(files), placement)
    #expect(plan.obstacles.map(\.code) == [code])
    #expect(plan.obstacles.map(\.problem) == [problem])
    #expect(plan.steps == [])
  }

  @Test("each obstacle says what to do")
  func remedies() {
    for (files, placement, _, _) in Self.standstills {
      #expect(Self.plan(Self.node(files), placement).obstacles.allSatisfy { $0.remedy.count > 20 })
    }
    let remedy = Self.plan(Self.node([:])).obstacles.first?.remedy
    #expect(remedy == "install the cluster's CNI plugin; it must write a .conflist or .conf file there")
  }

  @Test(
    "a broken file is given a second, whatever comes behind it",
    arguments: [(900, true), (1100, false), (-500, true), (-5000, false)])
  func settles(age: Int, waits: Bool) {
    var node = Self.node(["20-b.conflist": Self.list("b")])
    node.write(Array("{\"na".utf8), to: "10-a.conflist", age: .milliseconds(age))
    let plan = Self.plan(node)
    #expect(plan.obstacles.map(\.code) == (waits ? [.settling] : []))
    #expect(plan.steps.isEmpty == waits)
    if waits {
      #expect(
        plan.obstacles.map(\.problem) == [
          "10-a.conflist is being written: expected a closing quote, but the text ends here"
        ])
    }
  }

  static let plugin = #"{"name":"a","type":"b"}"#

  @Test("a plugin's file is given a second before it becomes a list, with another's list of its name and without")
  func settlesBeforeList() {
    for (list, age, made) in [
      (nil, 60, "10-a.conflist"), ("10-a.conflist", 60, "10-a.conf-istio-cni.conflist"),
      ("10-a.conflist", 0, "10-a.conf-istio-cni.conflist"),
    ] {
      for pluginAge in [0, 60] where pluginAge == 0 || age == 0 {
        var node = Self.node([:])
        if let list { node.write(Self.list("a"), to: list, age: .seconds(age)) }
        node.write(Self.plugin, to: "10-a.conf", age: .seconds(pluginAge))
        #expect(
          Self.plan(node).obstacles.map(\.problem) == ["10-a.conf is being written: 10-a.conflist may take its place"])
        #expect(Self.plan(node).steps == [])
        node.now += .seconds(2)
        #expect(
          Self.plan(node).steps.map(\.description) == [
            "make the list \(made) of 10-a.conf, with our entry behind its plugin"
          ])
      }
    }
  }

  @Test("a plugin's file that is written anew becomes a list at once, be the former list there or not")
  func knownPlugin() {
    var node = Self.node(["10-a.conf": Self.plugin], Self.chained)
    node.write(#"{"name":"a","type":"c"}"#, to: "10-a.conf", age: .zero)
    node.execute(Self.plan(node))
    #expect(node.chains == ["10-a.conflist": ["c", "istio-cni"]])
    node.write(nil, to: "10-a.conflist")
    node.write(Self.plugin, to: "10-a.conf", age: .zero)
    node.execute(Self.plan(node))
    #expect(node.chains == ["10-a.conflist": ["b", "istio-cni"]])
    // Without the journal, the list tells.
    node.journal = Journal()
    node.write(#"{"name":"a","type":"c"}"#, to: "10-a.conf", age: .zero)
    node.execute(Self.plan(node))
    #expect(node.chains == ["10-a.conflist": ["c", "istio-cni"]])
    // Another's list in its place may be what replaces it.
    node.write(Self.list("a"), to: "10-a.conflist", age: .zero)
    node.write(Self.plugin, to: "10-a.conf", age: .zero)
    #expect(Self.plan(node).obstacles.map(\.code) == [.settling])
  }

  @Test("of a plugin's file that is there only until its owner has written the list, nothing is kept")
  func earlyPlugin() {
    var node = Self.node(["10-a.conflist": Self.list("a")], Self.chained)
    let writes: [(name: String, text: String?)] = [
      ("10-a.conf", Self.plugin), ("10-a.conflist", nil), ("10-a.conflist", Self.list("a")), ("10-a.conf", nil),
    ]
    for (name, text) in writes {
      node.write(text.map { Array($0.utf8) }, to: name, age: .zero)
      node.execute(Self.plan(node))
    }
    #expect(node.chains == ["10-a.conflist": ["bridge", "istio-cni"]])
    #expect(Self.plan(node).isHealthy)
    #expect(node.originals.keys.sorted() == ["10-a.conflist"])
    node.execute(Plan(removing: FakeNode.layout, found: node.found))
    #expect(node.bytes == ["10-a.conflist": Array(Self.list("a").utf8)])
  }

  @Test("a folder that is not there is waited for, and all else is done")
  func noFolder() {
    var found = FakeNode().found
    found.folder = nil
    let plan = Plan(installing: FakeNode.wanted(Self.chained), found: found)
    #expect(plan.obstacles.map(\.problem) == ["the folder of network configurations /host/etc/cni/net.d is not there"])
    #expect(plan.steps == [.writeBinary(path: FakeNode.binary), .writeKubeconfig])
    found.folderError = SystemError("open", "/host/etc/cni/net.d", .permissionDenied)
    #expect(
      Plan(installing: FakeNode.wanted(Self.chained), found: found).obstacles.map(\.problem) == [
        "cannot read the folder of network configurations: open(/host/etc/cni/net.d) = EACCES (13)"
      ])
  }

  @Test("a file that cannot be read may be the one in use")
  func unreadable() {
    var node = Self.node(["20-b.conflist": Self.list("b")])
    node.unreadable = [
      .init(name: "10-a.conflist", error: SystemError("stat", "10-a.conflist", .noSuchFileOrDirectory))
    ]
    #expect(Self.plan(node).obstacles.map(\.problem) == ["cannot read 10-a.conflist: stat(10-a.conflist) = ENOENT (2)"])
    #expect(Self.plan(node).steps == [])
  }

  // MARK: Binaries

  @Test("no configuration names a plugin that is not there")
  func noSource() {
    var node = Self.node(["10-a.conflist": Self.list("a")])
    node.binaries[FakeNode.binary] = .missing
    var found = node.found
    found.source = SystemError("open", "/opt/cni/bin/istio-cni", .noSuchFileOrDirectory)
    let plan = Plan(installing: FakeNode.wanted(Self.chained), found: found)
    #expect(plan.steps == [])
    #expect(
      plan.obstacles.map(\.problem) == [
        "cannot install /host/opt/cni/bin/istio-cni: cannot read /opt/cni/bin/istio-cni:"
          + " open(/opt/cni/bin/istio-cni) = ENOENT (2)"
      ])
    found.binaries[FakeNode.binary] = .different
    let older = Plan(installing: FakeNode.wanted(Self.chained), found: found)
    #expect(older.obstacles == [] && older.steps.count == 1)
    #expect(
      older.warnings == [
        "/host/opt/cni/bin/istio-cni stays as it is: cannot read /opt/cni/bin/istio-cni:"
          + " open(/opt/cni/bin/istio-cni) = ENOENT (2)"
      ])
    found.binaries[FakeNode.binary] = .unreadable(SystemError("open", FakeNode.binary, .isDirectory))
    #expect(
      Plan(installing: FakeNode.wanted(Self.chained), found: found).obstacles.map(\.problem) == [
        "cannot tell whether /host/opt/cni/bin/istio-cni is the plugin: open(/host/opt/cni/bin/istio-cni) = EISDIR (21)"
      ])
  }

  @Test("a kubeconfig of another mode is written anew")
  func kubeconfigMode() {
    var node = Self.node(["10-a.conflist": Self.list("a")], Self.chained)
    node.kubeconfig = Found.Kubeconfig(bytes: Array("kubeconfig".utf8), mode: 0o644)
    #expect(Self.plan(node).steps == [.writeKubeconfig])
  }

  @Test("a binary stays as long as the runtime may call it")
  func keepsBinary() {
    var node = Self.node(["10-a.conflist": Self.list("a")], Self.chained)
    node.need = .attachments(["shop/a", "shop/b", "shop/c", "shop/d", "shop/e"])
    let plan = Plan(removing: FakeNode.layout, found: node.found)
    #expect(plan.steps.last == .removeKubeconfig)
    #expect(
      plan.warnings == [
        "/host/opt/cni/bin/istio-cni is kept, since the runtime will call it to delete"
          + " shop/a, shop/b, shop/c and 2 more"
      ])
    node.need = .unknown("open(/host/var/lib/cni) = EACCES (13)")
    #expect(
      Plan(removing: FakeNode.layout, found: node.found).warnings == [
        "/host/opt/cni/bin/istio-cni is kept, since it cannot be told whether the runtime needs it:"
          + " open(/host/var/lib/cni) = EACCES (13)"
      ])
  }

  @Test("nothing goes that a file which cannot be edited may name")
  func keepsAllBehindBrokenFile() {
    var node = Self.node(["10-a.conflist": #"{"plugins": [{"type": "istio-cni"}"#])
    let plan = Plan(removing: FakeNode.layout, found: node.found)
    #expect(plan.steps == [])
    #expect(
      plan.obstacles.map(\.problem) == [
        "cannot take our entry out of 10-a.conflist: line 1 column 35: expected ',' or ']', but the text ends here"
      ])
    node.write("{", to: "10-a.conflist", age: .zero)
    node.journal = Journal(marks: [.entry(file: "10-a.conflist", original: nil)])
    #expect(Plan(removing: FakeNode.layout, found: node.found).obstacles.map(\.code) == [.settling])
    node.unreadable = [.init(name: "10-a.conflist", error: SystemError("open", "10-a.conflist", .ioError))]
    node.write(nil, to: "10-a.conflist")
    #expect(Plan(removing: FakeNode.layout, found: node.found).obstacles.map(\.code) == [.unreadable])
  }

  @Test("a removal waits for a folder that may hold our entry")
  func removalWithoutFolder() {
    var node = Self.node([:])
    var found = node.found
    found.folder = nil
    #expect(Plan(removing: FakeNode.layout, found: found).steps.count == 2)
    node.journal = Journal(marks: [.entry(file: "10-a.conflist", original: nil)])
    found.journal = node.journal
    let plan = Plan(removing: FakeNode.layout, found: found)
    #expect(plan.steps == [])
    #expect(
      plan.obstacles.map(\.problem) == [
        "cannot take our entry out of the files in /host/etc/cni/net.d: the folder is not there"
      ])
  }

  // MARK: Warnings

  @Test("a broken file that comes first is told of")
  func passedOver() {
    let node = Self.node(["05-x.conf": "{", "10-a.conflist": Self.list("a")])
    #expect(
      Self.plan(node).warnings == [
        "05-x.conf is broken: line 1 column 2: expected a key in quotes or '}', but the text ends here; correct the file, or let the CNI"
          + " plugin that owns it write it anew; CRI-O passes over it, but containerd has no network as long as it is"
          + " there"
      ])
    #expect(Self.plan(node, Self.owned).warnings.map { $0.hasSuffix("; it is passed over") } == [true])
  }

  @Test("a JSON file that sorts first is told of")
  func json() {
    var node = Self.node(["10-a.conflist": Self.list("a")])
    node.others = ["05-x.json", "20-y.json"]
    #expect(
      Self.plan(node).warnings == [
        "05-x.json sorts before 10-a.conflist, and runtimes use it if it is a network configuration"
      ])
  }

  @Test("a forced file that is not in use is told of")
  func forcedBehind() {
    let node = Self.node(["05-x.conflist": Self.list("x"), "10-a.conflist": Self.list("a")])
    let plan = Self.plan(node, .chained(fileName: "10-a.conf"))
    #expect(plan.primary == "10-a.conflist")
    #expect(plan.warnings == ["05-x.conflist sorts before 10-a.conflist, and runtimes use that"])
  }

  @Test("a network with a folder of plugins is told of")
  func folder() {
    var node = Self.node(["10-a.conflist": Self.list("a")])
    node.folders = ["a"]
    #expect(
      Self.plan(node).warnings == [
        "with newer runtimes the plugins in the folder a run after ours, and may undo what it does;"
          + " set loadOnlyInlinedPlugins in 10-a.conflist if they are not wanted"
      ])
  }

  @Test("a journal that cannot be read is told of")
  func journal() throws {
    var found = Self.node(["10-a.conflist": Self.list("a")], Self.chained).found
    found.journalFault = #expect(throws: JournalFault.self) { try Journal(parsing: Array("{}".utf8)) }
    let warning = "the journal cannot be read: key \"version\" is missing; the node is judged by what is on it"
    #expect(Plan(installing: FakeNode.wanted(Self.chained), found: found).warnings == [warning])
    #expect(Plan(removing: FakeNode.layout, found: found).warnings == [warning])
  }

  // MARK: Special cases

  @Test("a file that a power cut has emptied is written anew from its original")
  func emptied() {
    var node = Self.node(["10-a.conflist": Self.list("a"), "20-b.conflist": Self.list("b")], Self.chained)
    let installed = node.bytes
    node.write("", to: "10-a.conflist")
    let plan = Self.plan(node)
    #expect(
      plan.steps.map(\.description) == [
        "edit 10-a.conflist: put our entry at the end of its plugins, since the file is broken (the file is empty),"
          + " and its original is kept"
      ])
    #expect(plan.warnings == ["10-a.conflist is broken, and is taken for what it held before our entry came in"])
    node.execute(plan)
    #expect(node.bytes == installed)
    node.write("", to: "10-a.conflist")
    node.execute(Plan(removing: FakeNode.layout, found: node.found))
    #expect(node.bytes["10-a.conflist"] == Array(Self.list("a").utf8))
  }

  @Test("an owned list outlives the primary's file, with an entry as set")
  func primaryVanished() {
    var node = Self.node(["10-a.conflist": Self.list("a")], Self.owned)
    node.write(nil, to: "10-a.conflist")
    let plan = Self.plan(node, Self.owned)
    #expect(plan.isHealthy)
    #expect(
      plan.warnings == [
        "another plugin's configuration is not there; 02-istio-cni.conflist stays as it is, so that pods can start"
      ])
    var entry = FakeNode.entry
    entry["plugin_log_level"] = "debug"
    node.execute(Plan(installing: FakeNode.wanted(Self.owned, entry: entry), found: node.found))
    #expect(node.chains == ["02-istio-cni.conflist": ["bridge", "istio-cni"]])
    #expect(String(decoding: node.bytes["02-istio-cni.conflist"] ?? [], as: UTF8.self).contains("debug"))
  }

  @Test("an owned list stays that of its network while that one's file is broken")
  func primaryBroken() {
    var node = Self.node(["10-a.conflist": Self.list("a"), "20-b.conflist": Self.list("b")], Self.owned)
    node.write("{", to: "10-a.conflist")
    let plan = Self.plan(node, Self.owned)
    #expect(plan.isHealthy)
    #expect(
      plan.warnings.first
        == "02-istio-cni.conflist stays as it is until the broken file is written anew, since it is of another network")
    node.write(Self.list("b", #", "x": 1"#), to: "20-b.conflist")
    #expect(Self.plan(node, Self.owned).isHealthy)
    node.write(nil, to: "10-a.conflist")
    #expect(Self.plan(node, Self.owned).steps.count == 1)
  }

  @Test("our own file gets the mode that is set")
  func ownMode() {
    let node = Self.node(["10-a.conflist": Self.list("a")], Self.owned)
    var wanted = FakeNode.wanted(Self.owned)
    wanted.newFileMode = 0o640
    #expect(Plan(installing: wanted, found: node.found).steps.count == 1)
  }

  @Test(
    "a forced file is found by either ending, and as the list that was made of it", arguments: ["conf", "conflist"])
  func forced(ending: String) {
    var node = Self.node(["10-a.conf": #"{"name":"a","type":"b"}"#, "05-b.conflist": Self.list("b")])
    let placement = Wanted.Placement.chained(fileName: "10-a.\(ending)")
    node.execute(Self.plan(node, placement))
    #expect(node.filesWithOurs == ["10-a.conflist"])
    #expect(Self.plan(node, placement).isHealthy)
    node.write(#"{"name":"a","type":"c"}"#, to: "10-a.conf")
    node.execute(Self.plan(node, placement))
    #expect(node.chains == ["05-b.conflist": ["bridge"], "10-a.conflist": ["c", "istio-cni"]])
  }

  @Test("what Cilium has set aside is given back without our entry")
  func setAside() {
    var node = Self.node(["10-a.conflist": Self.list("a")], Self.chained)
    node.write(node.files["10-a.conflist"]?.bytes, to: "10-a.conflist.cilium_bak")
    node.write(nil, to: "10-a.conflist")
    node.write(Self.list("c"), to: "05-cilium.conflist")
    node.execute(Self.plan(node))
    node.execute(Plan(removing: FakeNode.layout, found: node.found))
    #expect(node.bytes["10-a.conflist.cilium_bak"] == Array(Self.list("a").utf8))
  }

  @Test("a standalone file is a network of its own", arguments: ["istio-cni.conf", "istio-cni.conflist"])
  func standalone(name: String) {
    let node = Self.node([:], .standalone(fileName: name))
    let entry = """
      "type":"istio-cni","plugin_log_level":"info","exclude_namespaces":["kube-system"],\
      "capabilities":{"dns":true,"io.kubernetes.cri.pod-annotations":true}
      """
    let members = name.hasSuffix("conf") ? entry : "\"plugins\":[{\(entry)}]"
    let text = String(decoding: node.bytes[name] ?? [], as: UTF8.self)
    #expect(text.filter { !$0.isWhitespace } == "{\"cniVersion\":\"0.3.1\",\"name\":\"istio-cni\",\(members)}")
    #expect(text.hasPrefix("{\n  \"cniVersion\": \"0.3.1\",\n") && text.hasSuffix("}\n"))
    #expect(node.found.journal.marks.last == .ownFile(name: name))
  }

  @Test("a standalone file of a former agent goes once another file has our entry")
  func formerStandalone() {
    let node = Self.node(["10-a.conflist": Self.list("a"), "YYY-istio-cni.conf": #"{"type":"istio-cni","name":"x"}"#])
    #expect(
      Self.plan(node).steps.last?.description
        == "remove our own file YYY-istio-cni.conf, which is not wanted any more")
    let alone = Self.node(["YYY-istio-cni.conf": #"{"type":"istio-cni","name":"x"}"#])
    #expect(Self.plan(alone).steps == [] && Self.plan(alone).obstacles.map(\.code) == [.noPrimary])
  }
}
