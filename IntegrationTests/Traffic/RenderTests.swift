import Harness
import System
import Testing

/// `install-cni render` as a process; needs no root.
@Suite struct RenderTests {
  private static func render(_ pod: String) throws -> (status: ChildStatus, output: String, error: String) {
    let outcome = try runChild(
      "\(try executableFolder())/install-cni", arguments: ["render", "--pod", pod], environment: [:],
      timeLimit: .seconds(20))
    let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
    return (outcome.status, text(outcome.standardOutput), text(outcome.standardError))
  }

  @Test("a pod in the mesh gets a script for nft")
  func meshed() throws {
    let seen = try Self.render(fixturePath("pods/classic-sidecar/pod.json"))
    #expect(seen.status == .exited(0))
    #expect(seen.output.hasPrefix("table inet istio-cni\ndelete table inet istio-cni\n"))
    #expect(seen.output.contains("elements = { 5432, 6379 }"))
  }

  @Test("a pod outside the mesh gets the reason and status 3")
  func skipped() throws {
    let seen = try Self.render(fixturePath("pods/gateway/pod.json"))
    #expect(seen.status == .exited(3))
    #expect(seen.output == "not redirected: istio-proxy runs as router, not as a sidecar\n")
  }

  @Test("a setting that cannot be honoured, and a file that is not there, are named")
  func refused() throws {
    let tproxy = try Self.render(fixturePath("pods/tproxy/pod.json"))
    #expect(tproxy.status != .exited(0))
    #expect(tproxy.error.contains("annotation sidecar.istio.io/interceptionMode: \"TPROXY\" is not supported yet"))
    let missing = try Self.render("/nonexistent/pod.json")
    #expect(missing.status != .exited(0))
    #expect(missing.error.contains("open(/nonexistent/pod.json) = ENOENT (2)"))
  }
}
