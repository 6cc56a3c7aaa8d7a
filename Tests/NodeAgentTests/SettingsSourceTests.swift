import Glibc
import Harness
import JSON
import Kubernetes
import NodeAgent
import System
import TestKit
import Testing

@Suite struct SettingsSourceTests {
  private static func source(
    _ pod: PodFolder, flags: [String: String] = [:], environment: [String: String] = [:],
    lines: Recording<String> = Recording()
  ) throws -> SettingsSource {
    try SettingsSource(flags: flags, environment: pod.environment.merging(environment) { $1 }) { _ in
      AgentLog(.plain, levels: LogLevels(agent: .debug, plugin: .debug), timeOfDay: { .zero }) { line in
        // Without its time.
        lines.append(String(String(decoding: line, as: UTF8.self).dropFirst(28).dropLast()))
      }
    }
  }

  @Test("a reading says what the node should look like")
  func wanted() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["EXCLUDE_NAMESPACES": "kube-system", "CNI_CONF_GROUP_READ": "true"])
    let reading = try Self.source(pod, flags: ["kubeconfig-mode": "0640"]).read()
    #expect(reading.obstacles.isEmpty && reading.warnings.isEmpty)
    #expect(reading.problem == nil)
    let wanted = try #require(reading.wanted)
    #expect(wanted.layout.runDirectory == "\(pod.path)/run")
    #expect(wanted.entry["exclude_namespaces"] == ["kube-system"])
    #expect(wanted.entry["pod_namespace"] == "istio-system")
    #expect(wanted.kubeconfigMode == 0o640)
    #expect(wanted.newFileMode == 0o640)
    let kubeconfig = try Kubeconfig(wanted.kubeconfig, path: "/k")
    #expect(kubeconfig.server.authority == "10.96.0.1:443")
    #expect(kubeconfig.trust == .authority(Array(PodFolder.authority.utf8)))
    #expect(reading.tokenExpiry == .seconds(2_000_000_000))
    #expect(reading.watchedFolders.contains(pod.config))
    #expect(reading.watchedFolders.contains(pod.account))
  }

  @Test("a new token, a new authority and a new ConfigMap are in the next reading")
  func changes() throws {
    let pod = try PodFolder()
    let source = try Self.source(pod)
    let before = source.read()
    try pod.write("token", serviceAccountToken(expiry: .seconds(5)))
    try pod.write("ca.crt", PodFolder.authority + PodFolder.authority)
    try pod.setConfigMap(["NATIVE_NFTABLES": "true", "KUBERNETES_SERVICE_PORT": "6443"])
    let after = source.read()
    #expect(after.tokenExpiry == .seconds(5))
    #expect(before.wanted?.entry["native_nftables"] == false)
    #expect(after.wanted?.entry["native_nftables"] == true)
    let kubeconfig = try Kubeconfig(try #require(after.wanted).kubeconfig, path: "/k")
    #expect(kubeconfig.server.authority == "10.96.0.1:6443")
    #expect(kubeconfig.trust == .authority(Array((PodFolder.authority + PodFolder.authority).utf8)))
  }

  @Test("the kubeconfig names the token's file where the plugin can read it")
  func tokenFile() throws {
    let pod = try PodFolder()
    let reading = try Self.source(pod, environment: ["SERVICE_ACCOUNT_HOST_DIR": "/var/account"]).read()
    let kubeconfig = try Kubeconfig(try #require(reading.wanted).kubeconfig, path: "/k")
    #expect(kubeconfig.credential == .tokenFile("/var/account/token"))
  }

  @Test("a broken ConfigMap leaves the last good settings in effect, and says why")
  func broken() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["EXCLUDE_NAMESPACES": "a"])
    let source = try Self.source(pod)
    let good = source.read()
    try pod.setConfigMap(["EXCLUDE_NAMESPACES": "b", "DEADLINE_SECONDS": "soon"])
    let bad = source.read()
    #expect(bad.wanted == good.wanted)
    #expect(bad.obstacles.isEmpty)
    #expect(
      bad.problem
        == "setting DEADLINE_SECONDS: \"soon\" of the ConfigMap is not a number from 1 to 60; "
        + "use a number in that range; the settings before that stay in effect")
    try pod.setConfigMap(["EXCLUDE_NAMESPACES": "b"])
    let mended = source.read()
    #expect(mended.problem == nil)
    #expect(mended.wanted?.entry["exclude_namespaces"] == ["b"])
  }

  @Test("a ConfigMap that cannot be read, or is gone, leaves them as well")
  func unreadable() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["EXCLUDE_NAMESPACES": "a"])
    let source = try Self.source(pod)
    let good = source.read()
    try PlainFile.write([0xFF], to: "\(pod.config)/C", mode: 0o600)
    let unreadable = source.read()
    #expect(unreadable.wanted == good.wanted)
    #expect(
      unreadable.problem
        == "key C of the ConfigMap in \(pod.config) is not UTF-8; the settings before that stay in effect")
    rename(pod.config, "\(pod.path)/elsewhere")
    let gone = source.read()
    #expect(gone.wanted == good.wanted)
    #expect(gone.problem == nil)
  }

  @Test("what cannot be used at the start is an error, whoever says it")
  func start() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["AMBIENT_ENABLED": "true"])
    let fault = #expect(throws: SettingFault.self) { try Self.source(pod) }
    #expect(fault?.problemText == "setting AMBIENT_ENABLED: \"true\" of the ConfigMap is not supported")
  }

  @Test("a value that the environment has from the ConfigMap goes with the key")
  func copies() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["CNI_CONF_NAME": "10-a.conflist"])
    let source = try Self.source(
      pod, environment: ["CNI_CONF_NAME": "10-a.conflist", "EXCLUDE_NAMESPACES": "kube-system"])
    #expect(source.read().wanted?.placement == .chained(fileName: "10-a.conflist"))
    try pod.setConfigMap([:])
    let after = source.read()
    #expect(after.wanted?.placement == .chained(fileName: nil))
    #expect(after.wanted?.entry["exclude_namespaces"] == ["kube-system"])
  }

  @Test("what is read at the start only stays, and a change of it is told")
  func pinned() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["HEALTH_PORT": "9000", "CONFIG_DIR": "/elsewhere"])
    let source = try Self.source(pod)
    #expect(source.initial.healthPort == 9000)
    #expect(source.initial.configFolder == pod.config)
    try pod.setConfigMap(["HEALTH_PORT": "9001", "LOG_AS_JSON": "true"])
    let reading = source.read()
    #expect(reading.settings.healthPort == 9000)
    #expect(
      reading.warnings
        == ["changes of HEALTH_PORT, LOG_AS_JSON in the ConfigMap count when the agent starts again"])
  }

  @Test("what must be known before the ConfigMap can be read is not taken from it, and that is told")
  func vain() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["CONFIG_SOURCE": "api", "CONFIG_DIR": pod.config])
    #expect(
      try Self.source(pod).read().warnings
        == ["CONFIG_SOURCE in the ConfigMap cannot count, being read before it; use flags or environment variables"])
    let source = try Self.source(pod, environment: ["CONFIG_SOURCE": "api", "HEALTH_PORT": "9000"])
    source.update(configMap: ["HEALTH_PORT": "9000", "LOG_AS_JSON": "true", "MONITORING_PORT": "9001"])
    let reading = source.read()
    #expect(
      reading.warnings == [
        "LOG_AS_JSON, MONITORING_PORT in the ConfigMap cannot count, being read before it; "
          + "use flags or environment variables"
      ])
    #expect(reading.settings.monitoringPort == 15014)
  }

  @Test("through the API the ConfigMap is what was told last")
  func api() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["EXCLUDE_NAMESPACES": "mounted"])
    let source = try Self.source(pod, environment: ["CONFIG_SOURCE": "api"])
    #expect(source.read().wanted?.entry["exclude_namespaces"] == [])
    source.update(configMap: ["EXCLUDE_NAMESPACES": "api"])
    #expect(source.read().wanted?.entry["exclude_namespaces"] == ["api"])
    #expect(!source.initial.watchedFolders.contains(pod.config))
  }

  @Test("without a token the last kubeconfig stays, and the token's absence is an obstacle")
  func lostToken() throws {
    let pod = try PodFolder()
    let source = try Self.source(pod)
    let before = source.read()
    unlink("\(pod.account)/token")
    let after = source.read()
    #expect(after.wanted == before.wanted)
    #expect(after.obstacles.map(\.code) == [.noToken])
    #expect(after.tokenExpiry == nil)
  }

  @Test("without a token at the start, the kubeconfig of the agent before is taken if it is one")
  func earlierKubeconfig() throws {
    let pod = try PodFolder()
    let wanted = try #require(try Self.source(pod).read().wanted)
    unlink("\(pod.account)/token")
    #expect(try Self.source(pod).read().wanted == nil)
    try AtomicFile.write(wanted.kubeconfig, to: wanted.layout.kubeconfig, mode: 0o600)
    #expect(try Self.source(pod).read().wanted?.kubeconfig == wanted.kubeconfig)
    try AtomicFile.write([0x7B], to: wanted.layout.kubeconfig, mode: 0o600)
    #expect(try Self.source(pod).read().wanted == nil)
  }

  @Test("a missing authority and an address that nobody told are obstacles")
  func missing() throws {
    let pod = try PodFolder()
    unlink("\(pod.account)/ca.crt")
    let reading = try Self.source(pod, environment: ["KUBERNETES_SERVICE_HOST": ""]).read()
    #expect(reading.obstacles.map(\.code) == [.noAuthority, .noServer])
    #expect(
      reading.obstacles.last?.problem
        == "the address of the API server is not known: KUBERNETES_SERVICE_HOST or _PORT is not set")
    #expect(
      reading.obstacles.last?.remedy == "kubelet sets both in every container; outside of one set them yourself")
    let trusting = try Self.source(pod, environment: ["SKIP_TLS_VERIFY": "true"]).read()
    #expect(trusting.obstacles.isEmpty)
    #expect(try Kubeconfig(try #require(trusting.wanted).kubeconfig, path: "/k").trust == .anything)
  }

  @Test("keys without effect are told once, those that are no settings for the curious")
  func notices() throws {
    let pod = try PodFolder()
    try pod.setConfigMap(["AMBIENT_IPV6": "true", "COLOUR": "blue"])
    let lines = Recording<String>()
    let source = try Self.source(pod, flags: ["ctrlz_port": "9876"], lines: lines)
    _ = source.read()
    _ = source.read()
    #expect(
      lines.all == [
        "info\tcni-agent\twithout effect in this agent, which knows no ambient mode: --ctrlz_port, AMBIENT_IPV6",
        "debug\tcni-agent\tthe ConfigMap has keys that are no settings: COLOUR",
      ])
  }
}
