import Glibc
import NodeAgent
import System
import Testing

@Suite struct MountedConfigMapTests {
  @Test("a file is a key, and kubelet's own names are none")
  func reads() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["A": "1\n", "B": "two"])
    #expect(try MountedConfigMap(folder: pod.config)?.values == ["A": "1\n", "B": "two"])
    try pod.setConfigMap(["B": "2"])
    #expect(try MountedConfigMap(folder: pod.config)?.values == ["B": "2"])
  }

  @Test("a folder without kubelet's links, and one that is a link, do as well")
  func plain() throws {
    let pod = try PodFolder()
    try PlainFile.write(Array("1".utf8), to: "\(pod.config)/A", mode: 0o600)
    try makeFolder("\(pod.config)/folder")
    symlink(pod.config, "\(pod.path)/link")
    #expect(try MountedConfigMap(folder: "\(pod.path)/link")?.values == ["A": "1"])
  }

  @Test("no folder is no ConfigMap")
  func absent() throws {
    #expect(try MountedConfigMap(folder: "/nonexistent") == nil)
  }

  @Test("a ConfigMap is read whole while it is swapped")
  func swapped() async throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["A": "0", "B": "0"])
    let swapping = Task.detached {
      for number in 1...50 { try pod.setConfigMap(["A": "\(number)", "B": "\(number)"]) }
    }
    var seen: Set<String> = []
    while seen.count < 50 {
      do {
        let values = try #require(try MountedConfigMap(folder: pod.config)?.values)
        #expect(values["A"] == values["B"])
        seen.insert(values["A"] ?? "")
        if values["A"] == "50" { break }
        await Task.yield()
      } catch let fault as ConfigMapFault {
        #expect(fault.description == "the ConfigMap in \(pod.config) changes faster than it can be read")
      }
    }
    try await swapping.value
  }

  @Test("what cannot be read fails as a whole")
  func faults() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["A": "1"])
    symlink("..data/B", "\(pod.config)/B")
    let missing = #expect(throws: ConfigMapFault.self) { try MountedConfigMap(folder: pod.config) }
    #expect(
      missing?.description
        == "cannot read key B of the ConfigMap: open(\(pod.config)/B) = ENOENT (2)")
    unlink("\(pod.config)/B")
    try PlainFile.write([0xFF], to: "\(pod.config)/C", mode: 0o600)
    let encoding = #expect(throws: ConfigMapFault.self) { try MountedConfigMap(folder: pod.config) }
    #expect(encoding?.description == "key C of the ConfigMap in \(pod.config) is not UTF-8")
    let half = [UInt8](repeating: 0x61, count: 600 << 10)
    for name in ["C", "D"] { try PlainFile.write(half, to: "\(pod.config)/\(name)", mode: 0o600) }
    let size = #expect(throws: ConfigMapFault.self) { try MountedConfigMap(folder: pod.config) }
    #expect(size?.description == "the ConfigMap in \(pod.config) holds more than 1 MiB")
  }
}
