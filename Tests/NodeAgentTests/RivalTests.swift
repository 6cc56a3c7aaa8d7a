import System
import Testing

@testable import NodeAgent

struct RivalTests {
  @Test("files and plugins are named, each once, without our own")
  func names() throws {
    let edit = try PassReport.edit("10-calico.conflist", "calico")
    let rival = Rival(undoing: [edit, edit, .writeOwnFile(name: "02-istio-cni.conflist", bytes: []), .writeKubeconfig])
    #expect(rival.fileNames == ["02-istio-cni.conflist", "10-calico.conflist"])
    #expect(rival.pluginTypes == ["calico"])
    #expect(
      rival.problem
        == "another program keeps undoing our changes of 02-istio-cni.conflist, 10-calico.conflist (calico); repairs now "
        + "wait between attempts")
    #expect(
      rival.remedy
        == "let that program keep files of others, or set ISTIO_OWNED_CNI_CONFIG=true here, which leaves its file alone"
    )
  }

  @Test("who does away with a file of our own is named by the plugins that stand in it before ours")
  func ownFile() {
    let list = #"{"name": "n", "plugins": [{"type": "cilium-cni"}, {"type": "istio-cni"}]}"#
    let rival = Rival(undoing: [.writeOwnFile(name: "02-istio-cni.conflist", bytes: Array(list.utf8))])
    #expect(rival.pluginTypes == ["cilium-cni"])
    #expect(rival.remedy == "set cni.exclusive=false in Cilium's values")
  }

  @Test("where nothing is known, nothing is named")
  func unknown() {
    #expect(
      Rival(undoing: []).problem
        == "another program keeps undoing our changes of the CNI configuration; repairs now wait between attempts")
  }

  @Test("a file with a fault names no plugin")
  func broken() throws {
    let file = ConfigurationFile(name: "10-x.conflist", bytes: [1], identity: try FileIdentity(of: "/"))
    #expect(Rival(undoing: [.restore(file, bytes: [])]).pluginTypes == [])
  }
}
