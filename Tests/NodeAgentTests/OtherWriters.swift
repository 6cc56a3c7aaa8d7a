import CNI
import JSON
import NodeAgent

/// What other programs do to a folder, at random, together with what the folder would be without us.
struct OtherWriters {
  var node = FakeNode()
  /// The files as they would be without us.
  private(set) var theirs: [String: [UInt8]] = [:]
  /// What was done, to show when a claim fails.
  private(set) var history: [String] = []
  /// Whether our entry is put into the primary's own file.
  var isChained = true
  var random: SplitMix64

  private static let stems = ["03-a", "05-b", "10-c", "10-c-x", "20-d"]
  static let ownName = "02-istio-cni.conflist"

  init(seed: UInt64) {
    random = SplitMix64(state: seed)
  }

  /// The first of their files that runtimes load.
  var leading: String? {
    theirs.keys.filter { Self.loads($0, theirs[$0] ?? []) }.min { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Whether a file that no runtime loads comes before the one that leads.
  var hasBrokenBefore: Bool {
    guard let leading else { return true }
    return theirs.contains { name, bytes in
      (name.hasSuffix(".conf") || name.hasSuffix(".conflist")) && !Self.loads(name, bytes)
        && name.utf8.lexicographicallyPrecedes(leading.utf8)
    }
  }

  private static func loads(_ name: String, _ bytes: [UInt8]) -> Bool {
    guard name.hasSuffix(".conf") || name.hasSuffix(".conflist"),
      let kind = NetworkConfigurationFile.Kind(fileName: name)
    else { return false }
    return (try? NetworkConfigurationFile(parsing: bytes, kind: kind)) != nil
  }

  mutating func act() throws {
    switch Int.random(in: 0..<14, using: &random) {
    case 0...4: write(random.pick(Self.stems) + random.pick([".conf", ".conflist"]))
    case 5, 6: rewrite()
    case 7: if let name = visible(), !isTwin(name), !isBesideEmpty(name) { delete(name) }
    case 8: if let name = visible(), !isTwin(name), !isBesideEmpty(name) { try setAside(name) }
    case 9, 10: if let name = visible(), !isTwin(name) || node.originals[name] != nil { truncate(name) }
    case 11: try strip()
    case 12: damage()
    default: meddleWithOurs()
    }
  }

  // MARK: What they do

  private mutating func write(_ name: String) {
    history.append("write \(name)")
    let bytes = content(of: name)
    // Who writes a list under the name of the one that was made of its plugin has gone over to lists.
    if node.files[name] != nil, let source = source(of: name), theirs[name] == nil { theirs[source] = nil }
    // An empty list of which only is known that it was once made of this plugin is taken for ours then.
    for list in node.files.keys where node.files[list]?.bytes == [] && markedSource(of: list) == name {
      theirs[list] = nil
    }
    theirs[name] = bytes
    node.write(bytes, to: name)
  }

  private mutating func rewrite() {
    // Nobody else gives a file the name that only a list of ours has, even if it is empty and counts as theirs.
    let names = theirs.keys.filter { !$0.hasSuffix(".cilium_bak") && !$0.hasSuffix("-istio-cni.conflist") }
    guard let name = names.sorted().randomElement(using: &random) else { return }
    write(name)
  }

  private mutating func delete(_ name: String) {
    history.append("delete \(name)")
    theirs[source(of: name) ?? name] = nil
    node.write(nil, to: name)
  }

  private mutating func setAside(_ name: String) throws {
    history.append("set aside \(name)")
    theirs[source(of: name) ?? name] = nil
    guard let bytes = node.files[name]?.bytes else { return }
    node.write(nil, to: name)
    node.write(bytes, to: "\(name).cilium_bak")
    theirs["\(name).cilium_bak"] =
      name.hasSuffix(".conf") || !Self.loads(name, bytes) ? bytes : try FakeNode.removing(from: bytes)
  }

  /// As a power cut does after a rename without a flush.
  private mutating func truncate(_ name: String) {
    history.append("truncate \(name)")
    node.write([], to: name)
    if let source = keptSource(of: name) ?? source(of: name), let original = node.originals[source] {
      theirs[name] = nil
      if node.files[source] == nil { theirs[source] = original.bytes }
    } else if let source = markedSource(of: name), node.files[source] != nil {
      theirs[name] = nil
    } else if let original = node.originals[name] {
      theirs[name] = original.bytes
    } else {
      if let source = source(of: name) { theirs[source] = nil }
      theirs[name] = name.hasSuffix("-istio-cni.conflist") ? nil : []
    }
  }

  /// Takes our entry out, and leaves all else.
  private mutating func strip() throws {
    guard let name = node.filesWithOurs.randomElement(using: &random), let bytes = node.files[name]?.bytes else {
      return
    }
    // Once nothing is kept of it, a list that was made of a plugin cannot be told from another's.
    if theirs[name] == nil, name != Self.ownName, node.originals[Self.likelySource(of: name)] == nil { return }
    history.append("strip \(name)")
    node.write(try FakeNode.removing(from: bytes), to: name)
  }

  /// Changes our entry, and puts another of our type in front.
  private mutating func damage() {
    guard let name = node.filesWithOurs.randomElement(using: &random), let bytes = node.files[name]?.bytes else {
      return
    }
    history.append("damage \(name)")
    let text = String(decoding: bytes, as: UTF8.self).replacing("\"info\"", with: "\"debug\"")
    node.write(text.replacing("\"plugins\": [", with: "\"plugins\": [{\"type\": \"istio-cni\"}, "), to: name)
  }

  /// Takes what the agent remembers, while no file is broken that only that could mend.
  mutating func loseState() {
    if Bool.random(using: &random) {
      history.append("lose the journal")
      node.journal = Journal()
    } else {
      history.append("lose all state")
      node.journal = Journal()
      node.originals = [:]
    }
  }

  private mutating func meddleWithOurs() {
    guard node.files[Self.ownName] != nil else { return }
    history.append("meddle with ours")
    node.write(Bool.random(using: &random) ? [] : nil, to: Self.ownName)
  }

  // MARK: What they see

  /// One of their files, by the name that it has on the node.
  private mutating func visible() -> String? {
    node.files.keys.filter { !$0.hasSuffix(".cilium_bak") && $0 != Self.ownName }.sorted().randomElement(using: &random)
  }

  /// The name of the file of which we made the list `name`.
  private func source(of name: String) -> String? {
    guard theirs[name] == nil, name.hasSuffix(".conflist") else { return nil }
    let source = Self.likelySource(of: name)
    return theirs[source] != nil && node.files[source] == nil ? source : nil
  }

  /// Whether `name` is a list of ours beside an empty one that would have had its name: once it is gone, nobody can tell
  /// whose the empty one is.
  private func isBesideEmpty(_ name: String) -> Bool {
    guard name.hasSuffix(".conf-istio-cni.conflist") else { return false }
    return node.files["\(name.dropLast(".conf-istio-cni.conflist".count)).conflist"]?.bytes == []
  }

  private static func likelySource(of list: String) -> String {
    let stem = list.dropLast(".conflist".count)
    return stem.hasSuffix(".conf-istio-cni") ? String(stem.dropLast("-istio-cni".count)) : "\(stem).conf"
  }

  /// The name of the single plugin's file of which something is kept for the list `name`.
  private func keptSource(of name: String) -> String? {
    guard name.hasSuffix(".conflist") else { return nil }
    if let marked = markedSource(of: name) { return marked }
    let others = node.journal.marks.compactMap { if case .entry(_, let original) = $0 { original } else { nil } }
    let source = Self.likelySource(of: name)
    let other = "\(source)-istio-cni.conflist"
    let isOthers = others.contains(source) || name != other && node.files[other] != nil
    return node.originals[name] != nil || isOthers ? nil : source
  }

  private func markedSource(of name: String) -> String? {
    for case .entry(name, let source?) in node.journal.marks where source.hasSuffix(".conf") { return source }
    return nil
  }

  /// Whether `name` is a plugin's file that was written anew beside the list that was made of it. Who takes it away
  /// cannot know of the list.
  private func isTwin(_ name: String) -> Bool {
    guard name.hasSuffix(".conf") else { return false }
    return ["\(name.dropLast(".conf".count)).conflist", "\(name)-istio-cni.conflist"].contains { list in
      node.files[list] != nil && theirs[list] == nil
    }
  }

  /// Some network configuration that is fit for `name`.
  private mutating func content(of name: String) -> [UInt8] {
    let number = Int.random(in: 0..<10_000, using: &random)
    let plugin = #"{"type": "bridge", "mtu": \#(number)}"#
    let text =
      name.hasSuffix(".conf")
      ? #"{"cniVersion":"0.4.0","name":"n\#(number)","type":"bridge", "mtu":\#(number) }"#
      : "{\n  \"name\": \"n\(number)\",\n  \"cniVersion\": \"1.0.0\",\n  \"plugins\": [\(plugin),{\"type\":\"portmap\"}]\n}\n"
    return Array(text.utf8)
  }
}

/// Numbers that are the same for the same seed.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &self)]
  }
}
