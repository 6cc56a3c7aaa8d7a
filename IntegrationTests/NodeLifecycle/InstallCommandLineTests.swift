import Harness
import JSON
import NodeAgent
import System
import TestKit
import Testing

/// `install-cni` as a program: what its commands print, and what their exit status says. Needs no root.
@Suite(.timeLimit(.minutes(5)))
struct InstallCommandLineTests {
  private struct Outcome {
    let status: ChildStatus
    let output: String
    let error: String
  }

  private static let primary = """
    {
      "cniVersion": "1.0.0", "name": "network",
      "plugins": [ {"type": "calico"} ]
    }

    """

  private static func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Outcome {
    let outcome = try runChild(
      "\(try executableFolder())/install-cni", arguments: arguments, environment: environment,
      timeLimit: .seconds(60))
    return Outcome(
      status: outcome.status, output: String(decoding: outcome.standardOutput, as: UTF8.self),
      error: String(decoding: outcome.standardError, as: UTF8.self))
  }

  // MARK: Settings and flags

  @Test("the flags are those of the settings, and those of Istio's that have no effect")
  func flags() throws {
    let dump = try JSONValue(parsing: Array(try Self.run(["--experimental-dump-help"]).output.utf8))
    let arguments = try #require(dump["command"]?["arguments"]?.array)
    let declared = arguments.flatMap { $0["names"]?.array ?? [] }.compactMap { $0["name"]?.string }
    let settings = (Setting.all + Setting.unused).compactMap(\.flag)
    #expect(Set(declared) == Set(settings + ["dry-run", "version", "help", "h"]))
  }

  @Test("the value of each flag arrives at its setting")
  func values() throws {
    let node = try NodeFolder()
    var given: [Setting: String] = [:]
    for setting in Setting.all {
      given[setting] =
        switch setting.form {
        case .integer: "7"
        case .path, .paths: "/x/\(setting)"
        case .bool: setting == .chained ? "true" : "false"
        case .fileName: "\(setting).conflist"
        case .mode: "0640"
        case .choice(let words): words.last ?? ""
        case .groups: "7"
        case .loopback: "127.0.0.0/8"
        case .levels: "debug"
        case .words: "x"
        case .selector: "metadata.name=x"
        case .text: setting == .serverHost ? "10.0.0.7" : "x"
        }
    }
    let flags = given.map { "--\($0.flag ?? "")=\($1)" }
    let outcome = try Self.run(["status", "-o", "json"] + flags, node.environment)
    let status = try JSONValue(parsing: Array(outcome.output.utf8))
    let shown = try #require(status["settings"]?.array)
    #expect(shown.count == Setting.all.count)
    for (setting, value) in given {
      #expect(shown.contains(["key": .string(setting.key), "value": .string(value), "origin": "flag"]))
    }
  }

  @Test("flags may stand before the command or behind it, and truth values alone")
  func order() throws {
    let node = try NodeFolder()
    for arguments in [
      ["--skip-tls-verify", "status", "-o", "json"], ["status", "-o", "json", "--skip-tls-verify"],
      ["status", "--skip-tls-verify=true", "-o", "json", "--ctrlz_port", "9876", "--repair-enabled=true"],
    ] {
      let status = try JSONValue(parsing: Array(try Self.run(arguments, node.environment).output.utf8))
      let shown = status["settings"]?.array?.first { $0["key"]?.string == "SKIP_TLS_VERIFY" }
      #expect(shown?["value"]?.string == "true")
    }
  }

  @Test("a value that is not allowed is named, with status 1")
  func refused() throws {
    for command in [[], ["status"], ["install"], ["uninstall"], ["--dry-run"]] {
      let outcome = try Self.run(command, ["HEALTH_PORT": "http"])
      #expect(outcome.status == .exited(1))
      #expect(
        outcome.error == """
          Error: setting HEALTH_PORT: "http" of the environment is not a port; \
          use a number from 1 to 65535, or 0 to do without

          """)
    }
  }

  // MARK: Help, version, completion

  @Test("the help of the program is in the fixtures")
  func help() throws {
    let outcome = try Self.run(["--help"], ["COLUMNS": "120"])
    #expect(outcome.status == .exited(0))
    let path = fixturePath("install-cni/help.txt")
    if CurrentProcess.environment["UPDATE_FIXTURES"] != nil {
      try AtomicFile.write(Array(outcome.output.utf8), to: path, mode: 0o644)
    }
    #expect(outcome.output == String(decoding: try readFile(path, limit: 1 << 20), as: UTF8.self))
  }

  @Test("the version is told")
  func version() throws {
    #expect(try Self.run(["--version"]).output == "\(ProgramVersion.text)\n")
  }

  @Test("shells get a script", arguments: ["bash", "zsh", "fish"])
  func completion(shell: String) throws {
    let outcome = try Self.run(["completion", shell])
    #expect(outcome.status == .exited(0))
    #expect(outcome.output.contains("uninstall"))
    #expect(outcome.output.contains("mounted-cni-net-dir"))
  }

  // MARK: Installing

  @Test("a plan is printed, and nothing is touched", arguments: [["--dry-run"], ["install", "--dry-run"]])
  func dryRun(arguments: [String]) throws {
    let node = try NodeFolder()
    try node.write("net.d/10-calico.conflist", Self.primary)
    let outcome = try Self.run(arguments, node.environment)
    #expect(outcome.status == .exited(0))
    #expect(outcome.output.contains("copy the plugin to \(node.path)/bin/istio-cni"))
    #expect(outcome.output.contains("edit 10-calico.conflist"))
    #expect(try node.text("net.d/10-calico.conflist") == Self.primary)
    #expect(try names(inFolder: "\(node.path)/net.d") == ["10-calico.conflist"])
    #expect(try names(inFolder: "\(node.path)/bin").isEmpty)
    #expect(try names(inFolder: "\(node.path)/run").isEmpty)
  }

  @Test("install makes the node as set, status says so, and uninstall gives everything back")
  func installed() throws {
    let node = try NodeFolder()
    try node.write("net.d/10-calico.conflist", Self.primary)
    let before = try Self.run(["status"], node.environment)
    #expect(before.status == .exited(3))
    #expect(before.output.hasPrefix("Not installed as set: 3 changes are to be made.\n"))

    let install = try Self.run(["install"], node.environment)
    #expect(install.status == .exited(0))
    #expect(install.error == "")
    #expect(install.output.split(separator: "\n").count == 3)
    #expect(try node.text("bin/istio-cni") == "the plugin")
    #expect(try node.text("net.d/10-calico.conflist").contains(#""type": "istio-cni""#))

    let status = try Self.run(["status"], node.environment)
    #expect(status.status == .exited(0))
    #expect(status.output.hasPrefix("Installed as set.\n"))
    #expect(status.output.contains("leads: the first valid file of the folder"))
    #expect(status.output.contains("calico > istio-cni  our entry: 2 of 2  Calico"))
    #expect(status.output.contains("mode 0600, server 127.0.0.1:9, token until 2096-10-02T07:06:40Z"))
    #expect(!status.output.contains("eyJ"))
    #expect(try Self.run(["install"], node.environment).output == "nothing to do\n")

    let json = try JSONValue(parsing: Array(try Self.run(["status", "-o", "json"], node.environment).output.utf8))
    #expect(json["asWanted"] == true)
    #expect(json["configuration"]?["leading"] == "10-calico.conflist")
    #expect(json["kubeconfig"]?["state"] == "asWanted")

    let uninstall = try Self.run(["uninstall"], node.environment)
    #expect(uninstall.status == .exited(0))
    #expect(try node.text("net.d/10-calico.conflist") == Self.primary)
    #expect(try names(inFolder: "\(node.path)/bin").isEmpty)
    #expect(try Self.run(["uninstall"], node.environment).output == "nothing to do\n")
  }

  @Test("drift of any kind is status 3")
  func drift() throws {
    let node = try NodeFolder()
    try node.write("net.d/10-calico.conflist", Self.primary)
    #expect(try Self.run(["install"], node.environment).status == .exited(0))
    try node.write("run/istio-cni-kubeconfig", "other")
    let kubeconfig = try Self.run(["status"], node.environment)
    #expect(kubeconfig.status == .exited(3))
    #expect(kubeconfig.output.contains("istio-cni-kubeconfig  another, mode 0644, unusable: "))
    #expect(try Self.run(["install"], node.environment).status == .exited(0))
    try node.write("net.d/05-other.conflist", #"{"name": "x", "plugins": [{"type": "cilium-cni"}]}"#)
    let other = try Self.run(["status"], node.environment)
    #expect(other.status == .exited(3))
    #expect(other.output.contains("edit 05-other.conflist"))
    #expect(other.output.contains("Cilium"))
  }

  @Test("what stands in the way of an installation is told, with status 1")
  func obstacles() throws {
    let node = try NodeFolder()
    let waiting = try Self.run(["install"], node.environment)
    #expect(waiting.status == .exited(1))
    #expect(waiting.error.hasPrefix("install-cni: "))
    var environment = node.environment
    environment["KUBERNETES_SERVICE_HOST"] = nil
    let outside = try Self.run(["install"], environment)
    #expect(outside.status == .exited(1))
    #expect(
      outside.error.hasPrefix(
        "install-cni: the address of the API server is not known: KUBERNETES_SERVICE_HOST or _PORT is not set; "))
    let status = try Self.run(["status"], environment)
    #expect(status.status == .exited(3))
    #expect(status.output.hasPrefix("Not installed as set: 2 things stand in the way.\n"))
    environment["CNI_AGENT_RUN_DIR"] = "\(node.path)/elsewhere"
    #expect(
      try Self.run(["status"], environment).output.hasPrefix(
        "Not installed as set: it is not known what is wanted.\n"))
  }

  // MARK: The agent

  @Test("a port that is taken is an error at the start that says what to do")
  func takenPort() throws {
    let node = try NodeFolder()
    var environment = node.environment
    let health = try HealthServer(healthPort: 0, monitoringPort: nil, state: HealthState(), metrics: Metrics())
    let port = try #require(health.healthPort)
    environment["HEALTH_PORT"] = "\(port)"
    environment["MONITORING_PORT"] = "0"
    let outcome = try Self.run([], environment)
    #expect(outcome.status == .exited(1))
    #expect(outcome.error.hasPrefix("Error: cannot listen on port \(port): EADDRINUSE (98); "))
    #expect(outcome.error.hasSuffix("or set HEALTH_PORT to a free port\n"))
  }
}
