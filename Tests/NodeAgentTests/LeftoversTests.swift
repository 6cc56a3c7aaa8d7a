import NodeAgent
import System
import TestKit
import Testing

@Suite struct LeftoversTests {
  static let journal = Journal(marks: [
    .entry(file: "10-a.conflist", original: "10-a.conf"), .ownFile(name: "02-istio-cni.conflist"),
  ])

  @Test("what writers of ours have left is found")
  func finds() throws {
    let root = try TemporaryFolder()
    let leftovers = [
      "bin/.istio-cni.1a2b3c4d5e6f", "bin2/istio-cni.tmp.123456", "run/.istio-cni-kubeconfig.3w5e11264sgsf",
      "run/istio-cni-kubeconfig.tmp.7", "net.d/.02-istio-cni.conflist.abcdefghi", "net.d/.10-a.conf.abcdefghi",
      "net.d/.10-a.conflist.abcdefghi", "net.d/.istio-cni/.journal.json.abcdefghi",
      "net.d/.istio-cni/originals/.any.conf.abcdefghi",
    ]
    for name in leftovers { try root.write("", to: name, age: .seconds(60)) }
    let found = Leftovers.paths(in: NodeFolder.layout(root.path), journal: Self.journal, now: timeSinceEpoch())
    #expect(found.sorted() == leftovers.map { "\(root.path)/\($0)" }.sorted())
  }

  @Test("what others may need, or what is being written, stays")
  func spares() throws {
    let root = try TemporaryFolder()
    let others = [
      "bin/istio-cni", "bin/.calico.1a2b3c4d5e6f", "bin/calico.tmp.123456", "bin/.istio-cni.Ab3dE9",
      "net.d/.20-b.conflist.abcdefghi", "net.d/.10-a.conflist.swp", "net.d/.10-a.conflist.abcdef",
      "net.d/.10-a.conflist.ABCDEFGHI", "net.d/10-a.conflist", "net.d/10-a.conflist.tmp.123",
      "net.d/.istio-cni/journal.json", "net.d/.istio-cni/originals/10-a.conf",
    ]
    for name in others { try root.write("", to: name, age: .seconds(60)) }
    try root.write("", to: "bin/.istio-cni.abcdefghijk", age: .seconds(5))
    try makeFolder("\(root.path)/bin/.istio-cni.abcdefghijkl")
    #expect(Leftovers.paths(in: NodeFolder.layout(root.path), journal: Self.journal, now: timeSinceEpoch()) == [])
  }

  @Test("a leftover from before the clock was set back is found")
  func clock() throws {
    let root = try TemporaryFolder()
    try root.write("", to: "bin/.istio-cni.abcdefghijk")
    let now = timeSinceEpoch() - .seconds(3600)
    #expect(Leftovers.paths(in: NodeFolder.layout(root.path), journal: Journal(), now: now).count == 1)
  }
}
