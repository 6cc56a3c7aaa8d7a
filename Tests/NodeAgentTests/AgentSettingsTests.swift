import JSON
import NodeAgent
import Testing

@Suite struct AgentSettingsTests {
  private static func read(
    flags: [String: String] = [:], configMap: [String: String] = [:], environment: [String: String] = [:]
  ) throws(SettingFault) -> AgentSettings {
    try AgentSettings(flags: flags, configMap: configMap, environment: environment)
  }

  @Test("without anything set, all is where Istio's chart mounts it")
  func defaults() throws {
    let settings = try Self.read()
    #expect(
      settings.layout
        == NodeLayout(
          binarySource: "/opt/cni/bin", binaryTargets: ["/host/opt/cni/bin"],
          configurationFolder: "/host/etc/cni/net.d", runDirectory: "/var/run/istio-cni",
          serviceAccountFolder: "/var/run/secrets/kubernetes.io/serviceaccount",
          stateFolder: "/host/etc/cni/net.d/.istio-cni", cacheFolder: "/host/var/lib/cni"))
    #expect(settings.placement == .chained(fileName: nil))
    #expect(settings.authorityFile == "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
    #expect(settings.verifiesServer)
    #expect(settings.server == nil)
    #expect(settings.serviceAccountHostFolder == nil)
    #expect(settings.kubeconfigMode == 0o600)
    #expect(settings.newFileMode == 0o600)
    #expect(settings.healthPort == 8000)
    #expect(settings.monitoringPort == 15014)
    #expect(settings.configSource == .mounted)
    #expect(settings.configFolder == "/etc/istio-cni/config")
    #expect(settings.configMapName == "istio-cni-config")
    #expect(settings.daemonSetName == "istio-cni-node")
    #expect(settings.nodeName == nil)
    #expect(settings.logLevels == LogLevels(agent: .info, plugin: .info))
    #expect(!settings.logsJSON)
    #expect(settings.warnings.isEmpty)
    #expect(
      settings.watchedFolders == [
        "/host/etc/cni/net.d", "/host/etc/cni/net.d/.istio-cni", "/host/opt/cni/bin", "/opt/cni/bin",
        "/var/run/istio-cni",
        "/var/run/secrets/kubernetes.io/serviceaccount", "/etc/istio-cni/config",
      ])
  }

  @Test("a flag comes before the ConfigMap, that before the environment, that before the default")
  func precedence() throws {
    let key = "MOUNTED_CNI_NET_DIR"
    let all = try Self.read(
      flags: ["mounted-cni-net-dir": "/flag"], configMap: [key: "/map"], environment: [key: "/env"])
    #expect(all.layout.configurationFolder == "/flag")
    #expect(all.layout.stateFolder == "/flag/.istio-cni")
    #expect(
      try Self.read(configMap: [key: "/map"], environment: [key: "/env"]).layout.configurationFolder == "/map")
    #expect(try Self.read(environment: [key: "/env"]).layout.configurationFolder == "/env")
  }

  @Test("an empty value is the default: in the ConfigMap whatever the environment says, there as if it were not")
  func empty() throws {
    let key = "CNI_CONF_NAME"
    #expect(
      try Self.read(configMap: [key: ""], environment: [key: "10-a.conflist"]).placement == .chained(fileName: nil))
    #expect(try Self.read(environment: ["HEALTH_PORT": " \n"]).healthPort == 8000)
  }

  @Test("an empty list of owner groups is one that captures nobody")
  func emptyGroups() throws {
    #expect(try Self.read(configMap: ["OUTBOUND_OWNER_GROUPS": ""]).entry.ownKeys["outbound_owner_groups"] == "")
    #expect(try Self.read().entry.ownKeys["outbound_owner_groups"] == nil)
  }

  @Test("white space around a value, and the newline at its end, do not count")
  func whitespace() throws {
    #expect(try Self.read(configMap: ["EXCLUDE_NAMESPACES": " a, b ,,\n"]).entry.excludedNamespaces == ["a", "b"])
    #expect(
      try Self.read(configMap: ["CNI_BIN_TARGET_DIRS": "/a/, /b/./c,/a\n"]).layout.binaryTargets == ["/a", "/b/c"])
  }

  @Test(
    "where our entry goes",
    arguments: [
      ([:], .chained(fileName: nil)),
      (["CNI_CONF_NAME": "10-calico.conf"], .chained(fileName: "10-calico.conf")),
      (["CHAINED_CNI_PLUGIN": "false"], .standalone(fileName: "YYY-istio-cni.conf")),
      (["CHAINED_CNI_PLUGIN": "F", "CNI_CONF_NAME": "istio-cni.conf"], .standalone(fileName: "istio-cni.conf")),
      (["ISTIO_OWNED_CNI_CONFIG": "true"], .owned(fileName: "02-istio-cni.conflist", primary: nil)),
      (
        ["ISTIO_OWNED_CNI_CONFIG": "1", "ISTIO_OWNED_CNI_CONF_FILENAME": "00-a.conflist", "CNI_CONF_NAME": "b.conf"],
        .owned(fileName: "00-a.conflist", primary: "b.conf")
      ),
      (
        [
          "ISTIO_OWNED_CNI_CONFIG": "t", "ISTIO_OWNED_CNI_CONF_FILENAME": "00-a.conflist",
          "ISTIO_OWNED_CNI_CONFIG_FILENAME": "01-b.conflist",
        ], .owned(fileName: "01-b.conflist", primary: nil)
      ),
    ] as [([String: String], Wanted.Placement)])
  func placement(environment: [String: String], placement: Wanted.Placement) throws {
    #expect(try Self.read(environment: environment).placement == placement)
  }

  @Test("a file of our own beside no chain is a mistake that is told")
  func ownedAlone() throws {
    #expect(
      try Self.read(environment: ["ISTIO_OWNED_CNI_CONFIG": "true", "CHAINED_CNI_PLUGIN": "false"]).warnings
        == ["ISTIO_OWNED_CNI_CONFIG has no effect while CHAINED_CNI_PLUGIN is false"])
  }

  @Test(
    "the API server's address",
    arguments: [
      ("10.96.0.1", "443", "https://10.96.0.1:443"), ("fd00::1", "6443", "https://[fd00::1]:6443"),
      ("[fd00::1]", "6443", "https://[fd00::1]:6443"),
    ])
  func server(host: String, port: String, url: String) throws {
    let settings = try Self.read(
      environment: ["KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port])
    #expect(settings.server == url)
  }

  @Test(
    "permission bits are octal with a leading zero, else decimal",
    arguments: [("0600", 0o600), ("384", 0o600), ("0o640", 0o640), ("416", 0o640), ("0444", 0o444)])
  func mode(text: String, bits: UInt32) throws {
    #expect(try Self.read(environment: ["KUBECONFIG_MODE": text]).kubeconfigMode == bits)
  }

  @Test("new configuration files are for the group to read on request")
  func groupRead() throws {
    #expect(try Self.read(environment: ["CNI_CONF_GROUP_READ": "TRUE"]).newFileMode == 0o640)
  }

  @Test("a port that is 0 or less is none")
  func noPort() throws {
    let settings = try Self.read(environment: ["HEALTH_PORT": "-1", "MONITORING_PORT": "0"])
    #expect(settings.healthPort == nil)
    #expect(settings.monitoringPort == nil)
  }

  @Test(
    "levels by scope",
    arguments: [
      (["LOG_LEVEL": "warn"], LogLevels(agent: .warn, plugin: .warn)),
      (["LOG_LEVEL": "warn", "LOG_OUTPUT_LEVEL": "cni-plugin:debug"], LogLevels(agent: .warn, plugin: .debug)),
      (["LOG_OUTPUT_LEVEL": "error"], LogLevels(agent: .error, plugin: .error)),
      (
        ["LOG_OUTPUT_LEVEL": "default:error, cni-agent:debug,cni-plugin:none"], LogLevels(agent: .debug, plugin: .none)
      ),
      (["LOG_OUTPUT_LEVEL": "default:info,all:debug"], LogLevels(agent: .debug, plugin: .debug)),
    ])
  func levels(environment: [String: String], levels: LogLevels) throws {
    let settings = try Self.read(environment: environment)
    #expect(settings.logLevels == levels)
    #expect(settings.entry.logLevel == levels.plugin)
  }

  @Test("a scope that does not exist is told")
  func unknownScope() throws {
    #expect(
      try Self.read(environment: ["LOG_OUTPUT_LEVEL": "cni:debug,ambient:info"]).warnings
        == ["LOG_OUTPUT_LEVEL names scopes that do not exist: ambient, cni"])
  }

  @Test("the taint needs the self-test")
  func untainting() throws {
    #expect(try Self.read().testsItself)
    #expect(try !Self.read().untaintsNode)
    let settings = try Self.read(environment: ["SELF_TEST": "false", "UNTAINT_NODE": "true"])
    #expect(settings.untaintsNode && !settings.testsItself)
    #expect(settings.warnings == ["UNTAINT_NODE has no effect while SELF_TEST is false"])
  }

  @Test(
    "what is not allowed is named, with where it stands and what to do",
    arguments: [
      ("AMBIENT_ENABLED", "true", "is not supported; this agent does sidecars; set it to false"),
      ("CHAINED_CNI_PLUGIN", "yes", "is neither true nor false; use true or false"),
      ("MOUNTED_CNI_NET_DIR", "etc/cni", "is not an absolute path; use a path that begins with / and has no .."),
      ("CNI_AGENT_RUN_DIR", "/run/../etc", "is not an absolute path; use a path that begins with / and has no .."),
      ("CNI_BIN_TARGET_DIRS", "/a,b", "is not an absolute path; use a path that begins with / and has no .."),
      ("CNI_BIN_TARGET_DIRS", ",", "names no folder; use absolute paths, separated by commas"),
      (
        "CNI_BIN_TARGET_DIRS", "/opt/cni/bin",
        "has the folder of CNI_BIN_SOURCE_DIR in it; name the folders where the plugin is to go"
      ),
      (
        "CNI_CONF_NAME", "10-calico.json",
        "is not the name of such a file; "
          + "use a name without a path or a leading dot that ends in .conf or .conflist"
      ),
      (
        "ISTIO_OWNED_CNI_CONFIG_FILENAME", "../x.conflist",
        "is not the name of such a file; use a name without a path or a leading dot that ends in .conflist"
      ),
      (
        "KUBERNETES_SERVICE_HOST", "kubernetes.default",
        "is not a numeric address; static binaries do not resolve names; set the address that the name stands for"
      ),
      ("KUBERNETES_SERVICE_PORT", "http", "is not a number from 1 to 65535; use a number in that range"),
      ("KUBERNETES_SERVICE_PROTOCOL", "http", "is not known; use https"),
      (
        "KUBECONFIG_MODE", "600",
        "are not permission bits for a secret; "
          + "use 0600, 0640, 0644, 0400, 0440 or 0444 in octal, with the leading 0"
      ),
      (
        "KUBECONFIG_MODE", "0660",
        "are not permission bits for a secret; "
          + "use 0600, 0640, 0644, 0400, 0440 or 0444 in octal, with the leading 0"
      ),
      ("MONITORING_PORT", "65536", "is not a port; use a number from 1 to 65535, or 0 to do without"),
      ("CONFIG_SOURCE", "file", "is not known; use one of: mounted, api"),
      ("REDIRECT_BACKEND", "ipvs", "is not known; use one of: auto, nftables, iptables"),
      ("DEADLINE_SECONDS", "61", "is not a number from 1 to 60; use a number in that range"),
      ("DNS_CAPTURE", "none", "is not known; use one of: all, servers"),
      (
        "OUTBOUND_OWNER_GROUPS", "1000,wheel",
        "has an item that is not a group id: \"wheel\"; "
          + "write numbers from 0 to 4294967294, separated by commas: names mean something in an image only"
      ),
      (
        "OUTBOUND_IPV4_LOOPBACK_CIDR", "10.0.0.0/8",
        "is not a prefix of 127.0.0.0/8; write a prefix as 127.0.0.1/32 or 127.0.0.0/8"
      ),
      ("LOG_LEVEL", "loud", "is not a level; use one of: none, error, warn, info, debug"),
      (
        "LOG_OUTPUT_LEVEL", "cni-agent=debug",
        "is not a list of levels; "
          + "write info, or default:info,cni-agent:debug,cni-plugin:warn; levels are none, error, warn, info, debug"
      ),
      (
        "DAEMONSET_NAME", "Istio",
        "is not a name of a Kubernetes object; use lower-case letters, digits, \"-\" and \".\""
      ),
    ])
  func faults(key: String, value: String, text: String) {
    // Each needs the port, without which the host does not count.
    let base =
      key == "KUBERNETES_SERVICE_PORT" ? ["KUBERNETES_SERVICE_HOST": "10.0.0.1"] : ["KUBERNETES_SERVICE_PORT": "443"]
    let fault = #expect(throws: SettingFault.self) {
      try Self.read(configMap: base.merging([key: value]) { $1 })
    }
    #expect(fault?.description == "setting \(key): \"\(value)\" of the ConfigMap \(text)")
  }

  @Test("a file of our own cannot be the primary's")
  func sameFile() {
    let fault = #expect(throws: SettingFault.self) {
      try Self.read(environment: ["ISTIO_OWNED_CNI_CONFIG": "true", "CNI_CONF_NAME": "02-istio-cni.conflist"])
    }
    #expect(
      fault?.description
        == "setting ISTIO_OWNED_CNI_CONFIG_FILENAME: \"02-istio-cni.conflist\" of the default "
        + "is the file of CNI_CONF_NAME as well; CNI_CONF_NAME names the primary plugin's file")
  }

  @Test("a fault names the flag, or the environment, where it stands")
  func origins() {
    let flag = #expect(throws: SettingFault.self) { try Self.read(flags: ["health-port": "x"]) }
    #expect(flag?.problemText == "setting HEALTH_PORT: \"x\" of flag --health-port is not a port")
    let environment = #expect(throws: SettingFault.self) { try Self.read(environment: ["HEALTH_PORT": "x"]) }
    #expect(environment?.problemText == "setting HEALTH_PORT: \"x\" of the environment is not a port")
  }

  // MARK: The entry

  @Test("the entry has Istio's keys, and our own only when they are set")
  func entry() throws {
    let settings = try Self.read(environment: [
      "EXCLUDE_NAMESPACES": "kube-system", "POD_NAMESPACE": "istio-system", "LOG_OUTPUT_LEVEL": "cni-plugin:debug",
    ])
    #expect(
      JSONValue.object(settings.entry.object).text(.indented(2)) == """
        {
          "type": "istio-cni",
          "plugin_log_level": "debug",
          "cni_agent_run_dir": "/var/run/istio-cni",
          "exclude_namespaces": [
            "kube-system"
          ],
          "pod_namespace": "istio-system",
          "native_nftables": false,
          "ambient_enabled": false,
          "capabilities": {
            "dns": true,
            "io.kubernetes.cri.pod-annotations": true
          }
        }
        """)
  }
}
