import NodeAgent
import Testing

@Suite struct PodProcessTests {
  static let uid = "0b5a2c1e-52d1-4f5c-9f6a-0a1b2c3d4e5f"
  static let escaped = "0b5a2c1e_52d1_4f5c_9f6a_0a1b2c3d4e5f"
  static let hash = "3b8f5e0e0d6d4c1f9a7b2c3d4e5f6071"

  @Test(
    "the pod of a process is read from the names that kubelet gives to cgroups",
    arguments: [
      ("0::/kubepods/burstable/pod\(uid)/0123abcd", uid),
      ("0::/kubepods/pod\(uid)", uid),
      (
        "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(escaped).slice/cri-containerd-1.scope",
        uid
      ),
      ("0::/kubepods.slice/kubepods-pod\(escaped).slice/crio-1.scope", uid),
      ("0::/../../kubepods-burstable-pod\(escaped).slice/x", uid),
      ("12:memory:/system.slice\n11:cpu,cpuacct:/kubepods/burstable/pod\(uid)/1\n", uid),
      ("0::/kubepods/burstable/pod\(hash)/1", hash),
      ("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(hash).slice/1", hash),
      ("0::/", nil), ("", nil), ("0::/kubepods.slice", nil), ("0::/system.slice/podman.service", nil),
      ("0::/pod/podinfo-server.slice", nil), ("0::/kubepods/pod\(uid)0", nil),
    ] as [(String, String?)])
  func cgroups(text: String, uid: String?) {
    #expect(PodProcess.podUID(inCgroups: text) == uid)
  }

  @Test("the start time is the 22nd field, whatever the process calls itself")
  func startTime() {
    let fields = (3...52).map { $0 == 22 ? "4711" : "0" }.joined(separator: " ")
    #expect(PodProcess.startTime(inStat: "12 (a) b (c)) \(fields)") == 4711)
    #expect(PodProcess.startTime(inStat: "12 (a) 0 0") == nil)
    #expect(PodProcess.startTime(inStat: "") == nil)
  }
}
