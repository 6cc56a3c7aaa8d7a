import Harness
import JSON
import System
import TestKit
import Testing

/// `install-cni render` and `install-cni trace` as processes; need no root.
@Suite struct RenderTests {
  private static func run(
    _ command: String, pod: String, _ arguments: String...
  ) throws -> (status: ChildStatus, output: String, error: String) {
    try run(command, pod: pod, arguments)
  }

  private static func run(
    _ command: String, pod: String, _ arguments: [String]
  ) throws -> (status: ChildStatus, output: String, error: String) {
    let outcome = try runChild(
      "\(try executableFolder())/install-cni", arguments: [command, "--pod", pod] + arguments, environment: [:],
      timeLimit: .seconds(60))
    let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
    return (outcome.status, text(outcome.standardOutput), text(outcome.standardError))
  }

  @Test("a pod in the mesh gets a script for nft")
  func meshed() throws {
    let seen = try Self.run("render", pod: fixturePath("pods/classic-sidecar/pod.json"))
    #expect(seen.status == .exited(0))
    #expect(seen.output.hasPrefix("table inet istio-cni\ndelete table inet istio-cni\n"))
    #expect(seen.output.contains("elements = { 5432, 6379 }"))
  }

  @Test("a pod outside the mesh gets the reason and status 3")
  func skipped() throws {
    let seen = try Self.run("render", pod: fixturePath("pods/gateway/pod.json"))
    #expect(seen.status == .exited(3))
    #expect(seen.output == "not redirected: istio-proxy runs as router, not as a sidecar\n")
  }

  @Test("a setting that cannot be honoured, and a file that is not there, are named")
  func refused() throws {
    let missing = try Self.run("render", pod: "/nonexistent/pod.json")
    #expect(missing.status != .exited(0))
    #expect(missing.error.contains("open(/nonexistent/pod.json) = ENOENT (2)"))
    let refused = try Self.run("render", pod: fixturePath("render/misspelt-mode/pod.json"))
    #expect(refused.status != .exited(0))
    #expect(
      refused.error.contains(
        "annotation sidecar.istio.io/interceptionMode: \"tproxy\" is not REDIRECT, TPROXY or NONE"))
  }

  @Test("the same rules come out for each back end and as JSON")
  func formats() throws {
    let pod = fixturePath("pods/tproxy/pod.json")
    let nft = try Self.run("render", pod: pod)
    #expect(nft.output.contains("tproxy to :15006 accept comment \"inbound to the proxy, addresses untouched\""))
    let iptables = try Self.run("render", pod: pod, "--format", "iptables")
    #expect(iptables.output.hasPrefix("# iptables-restore --noflush\n*mangle\n"))
    #expect(iptables.output.contains("\n# ip6tables-restore --noflush\n*mangle\n"))
    #expect(iptables.output.contains("-j TPROXY --on-port 15006 --on-ip 0.0.0.0 --tproxy-mark 0x0/0x0"))
    let json = try JSONValue(parsing: Array(Self.run("render", pod: pod, "--format", "json").output.utf8))
    #expect(json["localDelivery"] == ["mark": 1337, "routingTable": 133])
    #expect(json["chains"]?.array?.contains { $0["name"] == "transparent" } == true)
    #expect(
      nft.output.split(separator: "\n").count { $0.contains("comment") }
        == json["chains"]?.array?.map { $0["rules"]?.array?.count ?? 0 }.reduce(0, +))
  }

  @Test("the keys of the node's network configuration count")
  func configuration() throws {
    let list = fixturePath("render/other-ports/list.conflist")
    let pod = fixturePath("pods/classic-sidecar/pod.json")
    #expect(try Self.run("render", pod: pod, "--config", list).output.contains("redirect to :16006"))
    let other = fixturePath("render/no-entry/list.conflist")
    let seen = try Self.run("render", pod: pod, "--config", other)
    #expect(seen.status != .exited(0))
    #expect(seen.error.contains("has no entry of type istio-cni (its entries are: ptp)"))
  }

  @Test("a trace says where a packet ends, and which rules it met, with their comments")
  func trace() throws {
    let pod = fixturePath("pods/classic-sidecar/pod.json")
    let seen = try Self.run("trace", pod: pod, "--uid", "1000", "--to", "192.0.2.7:80", "--pod-ip", "10.9.0.2")
    #expect(seen.status == .exited(0))
    #expect(
      seen.output == """
        tcp 10.9.0.2:40000 -> 192.0.2.7:80 over eth0 by 1000:1000
          nat-output rule 7  goto outbound       the application's outbound traffic
          outbound rule 1    redirect to :15001  outbound: to the proxy
        => redirected to port 15001 of the pod, which sees 192.0.2.7:80 as its original destination

        """)
  }

  @Test(
    "a trace as JSON",
    arguments: [
      (["--to", "[2001:db8::7]:80", "--uid", "1337"], "passes"),
      (["--to", "10.9.0.2:8080", "--from", "outside"], "redirected"),
      (["--to", "10.9.0.2:8080", "--from", "outside", "--state", "established"], "follows-connection"),
      (["--to", "10.9.0.2:8080", "--uid", "1337"], "redirected"),
      (["--to", "10.9.0.2:8080", "--protocol", "udp"], "passes"),
      // From 127.0.0.1, as the kernel has it: that this is where the proxy sends from must not matter.
      (["--to", "127.0.0.6:8080", "--uid", "1337"], "redirected"),
    ])
  func traceJSON(arguments: [String], end: String) throws {
    let seen = try Self.run(
      "trace", pod: fixturePath("pods/classic-sidecar/pod.json"), ["--pod-ip", "10.9.0.2", "--json"] + arguments)
    #expect(try JSONValue(parsing: Array(seen.output.utf8))["end"]?.string == end)
  }

  @Test("TPROXY fails closed, and the trace knows")
  func traceTransparent() throws {
    let pod = fixturePath("pods/tproxy/pod.json")
    let arguments = ["--from", "outside", "--to", "10.9.0.2:8080", "--pod-ip", "10.9.0.2"]
    let listening = try Self.run("trace", pod: pod, arguments)
    #expect(listening.output.contains("=> handed to the transparent listener on port 15006, as a connection to"))
    #expect(try Self.run("trace", pod: pod, arguments + ["--proxy-down"]).output.hasSuffix("=> dropped\n"))
  }

  @Test(
    "what is no address with a port is refused", arguments: ["10.9.0.2", "::1:80", "10.9.0.2:99999", "[10.9.0.2]:80"])
  func badAddress(text: String) throws {
    let seen = try Self.run("trace", pod: fixturePath("pods/classic-sidecar/pod.json"), "--to", text)
    #expect(seen.status == .exited(64))
    #expect(seen.error.contains("The value '\(text)' is invalid for '--to <address:port>'"))
  }
}
