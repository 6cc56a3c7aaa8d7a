import CNI
import JSON
import System

extension Catalogue {
  static let collectionTroubleCases: [ConformanceCase] = [
    ConformanceCase(
      "GC-09", .should, .all, in: .only1_1, [.garbageCollection],
      stimulus:
        "GC with an empty list after three stale attachments; the files of the first and the last cannot be removed",
      expectation: "the files of the second are gone, and there is a clean error", judge: judgeStubbornFiles
    ),
    ConformanceCase(
      "GC-10", .should, .all, in: .only1_1, [.garbageCollection],
      stimulus: "GC twice, with a valid attachment and a stale one",
      expectation: "the second time, too, exit status 0 and nothing on standard output, and it changes nothing"
    ) { lab in
      let node = try lab.node()
      let valid = try node.container()
      try valid.add()
      try node.staleAttachment()
      let call = node.collection(keeping: [valid])
      try node.run(call).succeedSilently()
      try node.settle()
      let baseline = try node.state()
      try node.run(call).succeedSilently()
      try node.expectUnchanged(since: baseline)
    },
    ConformanceCase(
      "GC-11", .convention, .all, in: .only1_1, [.garbageCollection],
      stimulus: "GC with a list of 10000 valid attachments, of which there is one",
      expectation: "exit status 0 within 5 s, nothing on standard output, and everything as it was"
    ) { lab in
      let container = try lab.container()
      try container.add()
      let node = container.node
      let baseline = try node.state()
      let key = AttachmentListKey.current
      var call = node.collection(keeping: [container], under: [key])
      let others = (10_000..<19_999).map { number -> JSONValue in
        ["containerID": .string(Container.id(number)), "ifname": .string(lab.manifest.interface)]
      }
      call.configuration[key] = .array(others + (call.configuration[key]?.array ?? []))
      let reply = try node.run(call)
      try reply.succeedSilently()
      try expect(reply.duration < .seconds(5), "it took \(reply.duration)")
      try node.expectUnchanged(since: baseline)
    },
    ConformanceCase(
      "GC-12", .convention, .all, in: .only1_1, [.garbageCollection, .collectingGarbage],
      stimulus: "GC with CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME and CNI_ARGS of a valid attachment, and of none",
      expectation: "they are ignored: exit status 0, nothing on standard output, and everything as it was"
    ) { lab in
      let container = try lab.container()
      try container.add()
      let node = container.node
      let baseline = try node.state()
      let strays: [[String: String]] = [
        [
          "CNI_CONTAINERID": container.id, "CNI_NETNS": container.path, "CNI_IFNAME": lab.manifest.interface,
          "CNI_ARGS": container.arguments,
        ],
        [
          "CNI_CONTAINERID": "nobody", "CNI_NETNS": "/run/netns/nowhere", "CNI_IFNAME": "net9",
          "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAME=nobody",
        ],
      ]
      for stray in strays {
        var call = node.collection(keeping: [container])
        call.environment.merge(stray) { $1 }
        try node.run(call).succeedSilently()
        try node.expectUnchanged(since: baseline)
      }
    },
    ConformanceCase(
      "GC-13", .convention, .all, in: .only1_1, [.garbageCollection],
      stimulus: "GC with an empty list where others' files and rules stand next to the plugin's",
      expectation: "success or a clean error, and all that is others' is untouched", judge: judgeForeignThings
    ),
  ]
}

/// An attachment's files are pinned by mounts: whoever unlinks one is told that it is busy. With a removable one between
/// two that are not, who ends with the first error does not get to it, forwards or backwards.
private func judgeStubbornFiles(_ lab: Lab) throws {
  let node = try lab.node()
  let other = try node.container()
  try other.delete(result: other.add())
  var files: [[String]] = []
  for _ in 0..<3 {
    let before = Set(try node.files())
    try node.staleAttachment()
    files.append(try node.files().filter { !before.contains($0) })
  }
  guard files.allSatisfy({ !$0.isEmpty }) else {
    throw Inapplicable("the plugin keeps no file of its own for each attachment")
  }
  for file in files[0] + files[2] { try node.tool("mount --bind '\(file)' '\(file)'") }
  try node.run(node.collection(keeping: [])).cleanError()
  let rest = Set(try node.files()).intersection(files[1])
  try expect(rest.isEmpty, "left behind: \(rest.sorted().joined(separator: ", "))")
}

private func judgeForeignThings(_ lab: Lab) throws {
  let container = try lab.container()
  let node = container.node
  let before = Set(try node.files())
  try container.add()
  var folders: Set<String> = []
  for file in try node.files() where !before.contains(file) {
    // /run and /var/lib/cni are everybody's.
    var folder = file[..<(file.lastIndex(of: "/") ?? file.startIndex)]
    while !["", "/run", "/var/lib", "/var/lib/cni"].contains(folder) {
      folders.insert(String(folder))
      folder = folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)]
    }
  }
  // A space is in no name that a plugin could make of an attachment's.
  for folder in folders { try node.write("not yours\n", to: "\(folder)/\(foreignMarks[0]) file") }
  for place in [nil, container] {
    let rules = """
      table inet foreign { chain foreign { type filter hook input priority 5; ip saddr 192.0.2.7 accept; }; }
      table ip foreign { set foreign { type ipv4_addr; elements = { 192.0.2.7 }; }; }
      """
    try node.tool("nft -f -", in: place, input: rules)
  }
  if lab.manifest.programs.contains("iptables") {
    try node.tool("iptables -t nat -A POSTROUTING -s 192.0.2.7 -j RETURN")
    try node.tool("iptables -A FORWARD -s 192.0.2.7 -j RETURN")
  }
  let foreign = try node.foreignLines()
  try node.run(node.collection(keeping: [])).succeedOrFailCleanly()
  let rest = try node.foreignLines()
  let lost = foreign.filter { !rest.contains($0) }
  try expect(rest == foreign, "of what is others' this is lost or changed: \(lost.prefix(8).joined(separator: "; "))")
}

/// What lines about others' things hold.
private let foreignMarks = ["foreign", "192.0.2.7"]

extension LabNode {
  fileprivate func foreignLines() throws -> [String] {
    try state().sections.sorted { $0.key < $1.key }.flatMap { name, lines in
      lines.filter { line in foreignMarks.contains { line.contains($0) } }.map { "\(name): \($0)" }
    }
  }

  /// The files that plugins could have made.
  fileprivate func files() throws -> [String] {
    (try state().sections["files"] ?? []).compactMap { line in
      line.wholeMatch(of: #/file (.+) [0-7]+ [0-9]+ bytes [0-9a-f]+/#).map { String($0.1) }
    }
  }
}
