import CNI
import Harness
import JSON
import Netlink
import System
import Testing
import TruthTables

/// Many at once, and one against another. Each test has a process of its own, so that what it leaves can be counted.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct ConcurrencyTests {
  @Test("200 pods start at once and all get the same complete redirect, and end at once without a trace")
  func many() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        let pods = try (1...200).map { try RedirectedPod($0, on: mesh) }
        let pristine = try pods[0].redirect()
        try #require(pods[0].attempt(.ADD) == .success)
        let complete = try pods[0].redirect()
        try #require(pods[0].attempt(.DEL) == .success)
        try #require(complete.contains("table inet istio-cni") && complete.contains("fwmark"))
        expect("after DEL", try pods[0].redirect(), is: pristine)

        let added = try inParallel(pods.count) { (pods[$0].attempt(.ADD), try pods[$0].redirect()) }
        expect("ADDs that failed", added.map(\.0).filter { $0 != .success }, is: [])
        expect("redirects", Set(added.map(\.1)), is: [complete])
        expect("requests", mesh.apiServer.requestCount, is: 1 + pods.count)
        let deleted = try inParallel(pods.count) { (pods[$0].attempt(.DEL), try pods[$0].redirect()) }
        expect("DELs that failed", deleted.map(\.0).filter { $0 != .success }, is: [])
        expect("what DELs left", Set(deleted.map(\.1)), is: [pristine])
        for pod in pods { try pod.sandbox.remove() }
      }
    }
  }

  @Test("the same ADD six times at once leaves one complete redirect, which one DEL takes away")
  func sameContainer() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        let pod = try RedirectedPod(1, on: mesh)
        let pristine = try pod.redirect()
        try #require(pod.attempt(.ADD) == .success)
        let complete = try pod.redirect()
        for _ in 0..<5 {
          try #require(pod.attempt(.DEL) == .success)
          expect("unclean ADDs", try inParallel(6) { _ in pod.attempt(.ADD) }.filter { !$0.isClean }, is: [])
          expect("after six ADDs", try pod.redirect(), is: complete)
        }
        expect("DEL", pod.attempt(.DEL), is: .success)
        expect("after DEL", try pod.redirect(), is: pristine)
        try pod.sandbox.remove()
      }
    }
  }

  @Test("a DEL at any moment of an ADD of the same container, and a last DEL: nothing is left")
  func addAgainstDelete() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        let pod = try RedirectedPod(1, on: mesh)
        let pristine = try pod.redirect()
        let duration = try pod.measureADD()
        for step in 0...40 {
          let endings = try inParallel(2) { index in
            if index == 0 { return pod.attempt(.ADD) }
            (duration * step / 40).elapse()
            return pod.attempt(.DEL)
          }
          #expect(endings[0].isClean, "ADD: \(endings[0])")
          expect("DEL", endings[1], is: .success)
          expect("last DEL", pod.attempt(.DEL), is: .success)
          expect("DEL after \(step)/40 of ADD", try pod.redirect(), is: pristine)
        }
        try pod.sandbox.remove()
      }
    }
  }

  @Test("the namespace goes at any moment of an ADD: a clean end, DEL succeeds, and nobody keeps the namespace")
  func namespaceGoes() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        let duration = try {
          let pod = try RedirectedPod(1000, on: mesh)
          defer { try? pod.sandbox.remove() }
          return try pod.measureADD()
        }()
        // The last one comes when all is done.
        let moments = (0...25).map { duration * $0 / 25 } + [duration * 20]
        let endings = try moments.enumerated().map { number, moment in
          let attachment = try Self.attachment(number, on: mesh)
          let ending = try inParallel(2) { index in
            if index == 0 { return mesh.attempt(.add(attachment, previous: nil)) }
            moment.elapse()
            try mesh.node.run { () throws(SystemError) in try NetworkNamespace.unbind(attachment.namespacePath) }
            return .success
          }[0]
          #expect(ending.isClean, "after \(moment): \(ending)")
          var gone = attachment
          gone.namespacePath = ""
          for attachment in [attachment, gone] {
            expect("DEL", mesh.attempt(.delete(attachment, result: nil)), is: .success)
          }
          return ending
        }
        #expect(endings.first != .success, "too early: \(endings[0])")
        expect("when all is done", endings.last, is: .success)
        // That the interfaces on the node go, which is awaited in the end, is the proof that the namespaces have: a
        // process, a descriptor, a mount or a socket of theirs would keep both.
      }
    }
  }

  /// A pod's namespace that lives by its path alone, with an interface that has its other end on the node.
  static func attachment(_ number: Int, on mesh: MeshNode) throws -> AttachmentParameters {
    let pod = try RedirectedPod(number, on: mesh)
    try Links.createVeth(
      "eth0", peer: "pod-\(number)", peerNamespace: mesh.node.network,
      through: NetlinkSocket.open(.route, in: pod.sandbox.network))
    return mesh.runtime.parameters(of: pod.sandbox)
  }

  @Test("killed at any moment, ADD and DEL leave what a DEL takes away, and the next ADD works")
  func killed() async {
    await #expect(processExitsWith: .success) {
      try leavingNothing { mesh in
        let pod = try RedirectedPod(1, on: mesh)
        let pristine = try pod.redirect()
        let duration = try pod.measureADD()
        try #require(pod.attempt(.ADD) == .success)
        let complete = try pod.redirect()
        try #require(pod.attempt(.DEL) == .success)
        var random = SplitMix64(seed: 7)
        for _ in 0..<25 {
          let limits = (0..<2).map { _ in duration * Double.random(in: 0...1.1, using: &random) }
          _ = pod.attempt(.ADD, timeLimit: limits[0])
          expect("DEL", pod.attempt(.DEL), is: .success)
          expect("ADD was killed after \(limits[0])", try pod.redirect(), is: pristine)
          expect("next ADD", pod.attempt(.ADD), is: .success)
          expect("next ADD", try pod.redirect(), is: complete)
          _ = pod.attempt(.DEL, timeLimit: limits[1])
          expect("next DEL", pod.attempt(.DEL), is: .success)
          expect("DEL was killed after \(limits[1])", try pod.redirect(), is: pristine)
        }
        try pod.sandbox.remove()
      }
    }
  }
}
