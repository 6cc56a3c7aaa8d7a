import Glibc
import NodeAgent
import System
import Testing

@Suite struct BinaryComparisonTests {
  /// Bytes that the process has read so far.
  static func readCount() throws -> Int {
    let text = String(decoding: try readFile("/proc/self/io", limit: 4096), as: UTF8.self)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("rchar: ") })
    return try #require(Int(line.dropFirst("rchar: ".count)))
  }

  @Test("binaries that were compared are not read again until one changes")
  func remembered() async {
    await #expect(processExitsWith: .success) {
      let node = try NodeFolder()
      try node.write(NodeFolder.calico, to: "10-calico.conflist")
      let size = 5_000_000
      try AtomicFile.write(Array(repeating: 1, count: size), to: node.layout.sourceBinary, mode: 0o755)
      let installation = Installation()
      try #require(installation.pass(node.wanted()).isHealthy)
      let targets = node.layout.targetBinaries
      // What is younger than the tick of the kernel's clock may change without a trace.
      let deadline = timeSinceEpoch() + .seconds(5)
      while timeSinceEpoch() - (try FileIdentity(of: targets[1]).changed) < .milliseconds(60) {
        try #require(timeSinceEpoch() < deadline)
      }
      try #require(installation.pass(node.wanted()).executed == [])
      let before = try BinaryComparisonTests.readCount()
      try #require(installation.pass(node.wanted()).executed == [])
      try #require(try BinaryComparisonTests.readCount() - before < 100_000)
      try AtomicFile.write(Array(repeating: 2, count: size), to: targets[0], mode: 0o755)
      try #require(installation.pass(node.wanted()).executed == [.writeBinary(path: targets[0])])
      try #require(try BinaryComparisonTests.readCount() - before > size)
    }
  }

  @Test("a link to nowhere in a binary's place is another, and no file is missing")
  func links() throws {
    let node = try NodeFolder()
    let target = node.layout.targetBinaries[0]
    #expect(try Installation().observe(node.layout).binaries[target] == .missing)
    try makeLink(target, to: "nowhere")
    #expect(try Installation().observe(node.layout).binaries[target] == .different)
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(!isLink(target))
  }
}
