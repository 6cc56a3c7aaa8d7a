import CNI
import Harness
import JSON
import Netfilter
import System
import Testing

/// CHECK of the binary, in real namespaces.
@Suite(.requires(.namespaces), .requires(.iptables), .tags(.root), .timeLimit(.minutes(10)))
struct CheckTests {
  @Test("CHECK passes right after ADD and for ever, in silence, and changes nothing", arguments: VerbTests.Setting.all)
  func intact(_ setting: VerbTests.Setting) throws {
    let (mesh, sandbox) = try VerbTests.redirected(setting)
    #expect(try mesh.run("/usr/bin/stat", "--format", "%a", mesh.recordPath(sandbox)) == "600\n")
    let state = try VerbTests.state(of: sandbox.network)
    let files = try mesh.runDirectoryListing()
    let requestCount = mesh.apiServer.requestCount
    for _ in 0..<10 {
      let answer = try mesh.call(.CHECK, sandbox)
      #expect(answer.isSilentSuccess, "\(answer.log)")
      #expect(answer.log["decision"] == "intact")
      #expect(answer.log["reason"] == "compared with what ADD made")
      #expect(answer.log["backend"]?.string == setting.backend)
      #expect(answer.log["pod"] == "shop/cart")
    }
    #expect(try VerbTests.state(of: sandbox.network) == state)
    #expect(try mesh.runDirectoryListing() == files)
    #expect(mesh.apiServer.requestCount == requestCount)
  }

  @Test(
    "CHECK names the damage, and leaves it as it is",
    arguments: [
      ("nft flush table inet istio-cni", ["missing: rule 1 of nat-output (outbound port excluded)"]),
      ("nft delete table inet istio-cni", ["missing: table inet istio-cni"]),
      ("nft add table inet istio-cni { flags dormant; }", ["changed: table inet istio-cni"]),
      (
        "nft delete rule inet istio-cni mangle-prerouting handle HANDLE(inbound port excluded)",
        ["missing: rule 3 of mangle-prerouting (inbound port excluded)"]
      ),
      (
        #"nft replace rule inet istio-cni outbound handle HANDLE(outbound: to the proxy) meta l4proto tcp redirect to "#
          + #":15002 comment "outbound: to the proxy""#, ["changed: rule 3 of outbound (outbound: to the proxy)"]
      ),
      (
        "nft delete element inet istio-cni outbound-excluded-ports { 5432 } && "
          + "nft add element inet istio-cni outbound-excluded-ports { 5433 }",
        ["changed: set outbound-excluded-ports"]
      ),
      (
        "nft flush chain inet istio-cni nat-output && nft delete chain inet istio-cni nat-output && "
          + "nft add chain inet istio-cni nat-output",
        ["changed: chain nat-output", "missing: rule 1 of nat-output (outbound port excluded)"]
      ),
      ("ip rule delete fwmark 1337", ["missing: policy rule for mark 1337 (0.0.0.0/0)"]),
      ("ip -6 route flush table 133", ["missing: route to ::/0 in table 133"]),
      ("ip address delete ::6/128 dev lo", ["missing: address ::6/128 on lo"]),
    ])
  func damaged(commands: String, differences: [String]) throws {
    let (mesh, sandbox) = try VerbTests.redirected()
    // An address that could miss ::6 and the like.
    _ = try sandbox.network.run("/usr/sbin/ip", ["link", "add", "eth0", "type", "veth", "peer", "peer0"])
    _ = try sandbox.network.run("/usr/sbin/ip", ["address", "add", "fd00:88::9/64", "dev", "eth0", "nodad"])
    for command in commands.split(separator: " && ") {
      let words = try PodRedirectTests.withHandle(String(command), in: sandbox.network)
        .split(separator: " ").map { String($0) }
      _ = try sandbox.network.run("/usr/sbin/\(words[0])", Array(words.dropFirst()))
    }
    let state = try VerbTests.state(of: sandbox.network)
    let failure = try mesh.call(.CHECK, sandbox).failure()
    #expect(failure.code == 105)
    #expect(failure.message == "the redirect of shop/cart is not as it was made")
    let found = failure.details.split(separator: "; ").map { String($0) }
    for difference in differences { #expect(found.contains(difference), "\(failure.details)") }
    #expect(found.last == "delete the pod, so that it is set up anew")
    #expect(try VerbTests.state(of: sandbox.network) == state)
  }

  @Test("CHECK of more damage than anybody reads tells how much more there is")
  func muchDamage() throws {
    let (mesh, sandbox) = try VerbTests.redirected()
    let ruleCount = try sandbox.network.nft("list", "ruleset").split(separator: "\n").count {
      $0.contains(" comment \"")
    }
    _ = try sandbox.network.nft("flush", "table", "inet", "istio-cni")
    let details = try mesh.call(.CHECK, sandbox).failure().details.split(separator: "; ")
    #expect(details.count == 22)
    #expect(details[20] == "\(ruleCount - 20) more")
  }

  @Test(
    "CHECK by iptables names the damage, too",
    arguments: [
      ("-t nat -D OUTPUT 1", "missing: rule of IPv4 nat chain OUTPUT (-j ISTIO_CNI_NAT_OUTPUT)"),
      ("-t nat -D ISTIO_CNI_NAT_OUTPUT 1", "missing: rule 1 of IPv4 nat chain ISTIO_CNI_NAT_OUTPUT ("),
    ])
  func damagedIptables(arguments: String, difference: String) throws {
    let (mesh, sandbox) = try VerbTests.redirected(
      VerbTests.Setting(mode: "REDIRECT", backend: "iptables", capturesDNS: false))
    _ = try sandbox.network.iptables(
      "/usr/sbin/iptables-nft", arguments.split(separator: " ").map { String($0) })
    let failure = try mesh.call(.CHECK, sandbox).failure()
    #expect(failure.code == 105)
    #expect(failure.details.contains(difference), "\(failure.details)")
  }

  @Test("other people's rules, chains and addresses are none of CHECK's business")
  func foreign() throws {
    let (mesh, sandbox) = try VerbTests.redirected()
    _ = try sandbox.network.nft(
      "-f", "-",
      input: "add table inet theirs\nadd chain inet theirs c { type nat hook output priority -50 ; }\n"
        + "add rule inet theirs c tcp dport 1 redirect to :2\n")
    _ = try sandbox.network.iptables("/usr/sbin/iptables-nft", ["-t", "nat", "-A", "OUTPUT", "-j", "ACCEPT"])
    _ = try sandbox.network.run("/usr/sbin/ip", ["rule", "add", "fwmark", "7", "lookup", "7"])
    #expect(try mesh.call(.CHECK, sandbox).isSilentSuccess)
  }

  @Test("a result that later plugins have changed is no damage")
  func changedResult() throws {
    let (mesh, sandbox) = try VerbTests.redirected()
    let answer = try mesh.call(
      .CHECK, sandbox, keys: ["prevResult": ["cniVersion": "1.1.0", "ips": [["address": "fd00::1/64"]], "mtu": 9000]])
    #expect(answer.isSilentSuccess)
  }

  @Test("CHECK of a pod that was left alone has nothing to check, and opens no namespace")
  func skipped() throws {
    let mesh = try PluginProcessTests.mesh()
    let sandbox = try PluginProcessTests.sandbox(of: PodTemplate.pod(.noSidecar, name: "cart", uid: "7f3c"), on: mesh)
    #expect(try mesh.call(.ADD, sandbox).log["decision"] == "skip")
    #expect(try !mesh.has("\(MeshNode.runDirectory)/attachments"))
    try sandbox.remove()
    let answer = try mesh.call(.CHECK, sandbox)
    #expect(answer.isSilentSuccess)
    #expect(answer.log["reason"] == "no redirect of this attachment is on record")
  }

  @Test("a pod that changes its mind after ADD is judged by what ADD did", arguments: [true, false])
  func changedOptIn(wasMeshed: Bool) throws {
    let mesh = try PluginProcessTests.mesh()
    let pods = [try VerbTests.pod(), PodTemplate.pod(.noSidecar, name: "cart", uid: "7f3c")]
    let sandbox = try PluginProcessTests.sandbox(of: pods[wasMeshed ? 0 : 1], on: mesh)
    #expect(try mesh.call(.ADD, sandbox).status == .exited(0))
    mesh.apiServer.put(pods[wasMeshed ? 1 : 0])
    let answer = try mesh.call(.CHECK, sandbox)
    #expect(answer.isSilentSuccess)
    #expect(answer.log["decision"]?.string == (wasMeshed ? "intact" : "skip"))
  }

  @Test("CHECK never looks into the node's own namespace, nor for one that is gone")
  func wrongNamespace() throws {
    let (mesh, sandbox) = try VerbTests.redirected()
    let own = try mesh.call(.CHECK, sandbox, environment: ["CNI_NETNS": "/proc/self/ns/net"]).failure()
    #expect(own.code == 4)
    #expect(own.message == "CNI_NETNS is the plugin's own namespace, not one of pod shop/cart")
    try sandbox.remove()
    let gone = try mesh.call(.CHECK, sandbox).failure()
    #expect(gone.code == 102)
    #expect(gone.message == "cannot enter the network namespace of shop/cart")
  }

  @Test("a redirect that cannot be read is neither whole nor damaged")
  func unreadable() throws {
    let (mesh, sandbox) = try VerbTests.redirected(
      VerbTests.Setting(mode: "REDIRECT", backend: "iptables", capturesDNS: false))
    try mesh.node.run { () throws(SystemError) in try mountTemporaryFileSystem(at: "/usr/sbin") }
    let failure = try mesh.call(.CHECK, sandbox).failure()
    #expect(failure.code == 103)
    #expect(failure.message == "cannot read the redirect of shop/cart")
    #expect(failure.details.hasPrefix("no iptables-save and iptables-restore in /usr/sbin:"))
    #expect(
      failure.details.hasSuffix("; nothing was changed, and whether the redirect is intact is not known; try again"))
  }

  @Test(
    "the rules of another version of the plugin must be there, and may be others", arguments: ["nftables", "iptables"])
  func upgraded(backend: String) throws {
    let (mesh, sandbox) = try VerbTests.redirected(
      VerbTests.Setting(mode: "REDIRECT", backend: backend, capturesDNS: false))
    let path = mesh.recordPath(sandbox)
    var record = try mesh.record(sandbox)
    record["digest"] = "0123456789abcdef"
    try mesh.node.write(JSONValue.object(record).text(), to: path)
    let run = { (nft: [String], iptables: [String]) in
      _ =
        backend == "nftables"
        ? try sandbox.network.run("/usr/sbin/nft", nft)
        : try sandbox.network.iptables("/usr/sbin/iptables-nft", iptables)
    }
    try run(["flush", "chain", "inet", "istio-cni", "proxy-output"], ["-t", "nat", "-F", "ISTIO_CNI_PROXY_OUTPUT"])
    let answer = try mesh.call(.CHECK, sandbox)
    #expect(answer.isSilentSuccess)
    #expect(
      answer.log["reason"]
        == "made by a version that makes other rules of the same settings: only their presence was checked")

    // A chain that goes is missed, unless the older version had none of the name.
    try run(["flush", "chain", "inet", "istio-cni", "nat-output"], ["-t", "nat", "-F", "ISTIO_CNI_NAT_OUTPUT"])
    try run(["delete", "chain", "inet", "istio-cni", "proxy-output"], ["-t", "nat", "-X", "ISTIO_CNI_PROXY_OUTPUT"])
    let chain = backend == "nftables" ? "chain proxy-output" : "IPv4 nat chain ISTIO_CNI_PROXY_OUTPUT"
    #expect(
      try mesh.call(.CHECK, sandbox).failure().details
        == "missing: \(chain); delete the pod, so that it is set up anew")
    record["chains"] = .array(record["chains"]?.array?.filter { $0 != "proxy-output" } ?? [])
    try mesh.node.write(JSONValue.object(record).text(), to: path)
    #expect(try mesh.call(.CHECK, sandbox).isSilentSuccess)

    try PodRedirect.remove(from: sandbox.network)
    try PodRedirect.remove(from: sandbox.network, with: IptablesBackend(folders: []))
    #expect(try mesh.call(.CHECK, sandbox).failure().code == 105)
  }

  @Test("a record that was cut short is no reason to fail")
  func cutShort() throws {
    let (mesh, sandbox) = try VerbTests.redirected()
    try mesh.node.write("", to: mesh.recordPath(sandbox))
    let answer = try mesh.call(.CHECK, sandbox)
    #expect(answer.isSilentSuccess)
    #expect(answer.log["level"] == "warn")
  }
}

extension MeshNode {
  fileprivate func record(_ sandbox: Sandbox) throws -> JSONObject {
    let path = recordPath(sandbox)
    let bytes = try node.run { () throws(SystemError) in try readFile(path, limit: 1 << 20) }
    return try #require(try JSONValue(parsing: bytes).object)
  }
}
