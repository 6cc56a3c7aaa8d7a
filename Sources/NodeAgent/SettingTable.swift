extension Setting {
  // MARK: Where things are

  package static let binarySource = Setting(
    "CNI_BIN_SOURCE_DIR", .path, "/opt/cni/bin", "folder of the plugin's binary in the image")
  package static let binaryTargets = Setting(
    "CNI_BIN_TARGET_DIRS", .paths, "/host/opt/cni/bin", "the runtime's folders of plugins, as mounted")
  package static let configurationFolder = Setting(
    "MOUNTED_CNI_NET_DIR", .path, "/host/etc/cni/net.d", "the runtime's folder of network configurations, as mounted")
  package static let runDirectory = Setting(
    "CNI_AGENT_RUN_DIR", .path, "/var/run/istio-cni",
    "what agent and plugin share, at the same path for both: the kubeconfig, records")
  package static let stateFolder = Setting(
    "CNI_STATE_DIR", .path, "",
    "journal and original files, on the same file system as the configurations; default: .istio-cni among them")
  package static let cacheFolder = Setting(
    "CNI_CACHE_DIR", .path, "/host/var/lib/cni",
    "what the runtime remembers of attachments; the binary stays while one names it")

  // MARK: The network configuration

  package static let chained = Setting(
    "CHAINED_CNI_PLUGIN", .bool, "true",
    "true: at the end of the primary plugin's list; false: alone in a file of our own, for Multus")
  package static let configurationName = Setting(
    "CNI_CONF_NAME", .fileName([".conf", ".conflist"]), "",
    "file to work with; default: the first valid one, or YYY-istio-cni.conf when not chained")
  package static let owned = Setting(
    "ISTIO_OWNED_CNI_CONFIG", .bool, "false",
    "put the whole chain into a file of our own that sorts first and outlives the agent; the primary's stays untouched")
  package static let ownedName = Setting(
    "ISTIO_OWNED_CNI_CONFIG_FILENAME", aliases: ["ISTIO_OWNED_CNI_CONF_FILENAME"], .fileName([".conflist"]),
    "02-istio-cni.conflist", "name of that file")
  package static let groupReads = Setting(
    "CNI_CONF_GROUP_READ", .bool, "false", "make new files there 0640 instead of 0600")

  // MARK: The plugin's kubeconfig

  package static let serverHost = Setting(
    "KUBERNETES_SERVICE_HOST", .text, "", "numeric address of the API server; every container has it")
  package static let serverPort = Setting(
    "KUBERNETES_SERVICE_PORT", .integer(1...65535), "", "its port; every container has it")
  package static let serverProtocol = Setting(
    "KUBERNETES_SERVICE_PROTOCOL", .choice(["https"]), "https", "its protocol")
  package static let authorityFile = Setting(
    "KUBE_CA_FILE", .path, "", "certificate authority to embed; default: ca.crt of the ServiceAccount")
  package static let skipsVerification = Setting(
    "SKIP_TLS_VERIFY", .bool, "false", "take any certificate of the API server")
  package static let kubeconfigMode = Setting("KUBECONFIG_MODE", .mode, "0600", "permission bits of the kubeconfig")
  package static let serviceAccountFolder = Setting(
    "SERVICE_ACCOUNT_DIR", .path, "/var/run/secrets/kubernetes.io/serviceaccount", use: .atStart,
    "token, ca.crt and namespace of the ServiceAccount")
  package static let serviceAccountHostFolder = Setting(
    "SERVICE_ACCOUNT_HOST_DIR", .path, "", use: .atStart,
    "where the plugin sees that folder: then the kubeconfig names the token's file instead of holding the token")

  // MARK: The plugin's entry

  package static let excludedNamespaces = Setting(
    "EXCLUDE_NAMESPACES", .words, "", "namespaces whose pods are never touched")
  package static let podNamespace = Setting(
    "POD_NAMESPACE", .text, "", "the agent's own namespace; default: that of the ServiceAccount")
  package static let nativeNftables = Setting("NATIVE_NFTABLES", .bool, "false", "as REDIRECT_BACKEND=nftables")
  package static let backend = Setting(
    "REDIRECT_BACKEND", .choice(["auto", "nftables", "iptables"]), "", "the plugin's redirect_backend")
  package static let deadline = Setting(
    "DEADLINE_SECONDS", .integer(1...60), "", "the plugin's deadline_seconds")
  package static let dnsCapture = Setting("DNS_CAPTURE", .choice(["all", "servers"]), "", "the plugin's dns_capture")
  package static let outboundPort = Setting(
    "PROXY_OUTBOUND_PORT", .integer(1...65535), "", "the plugin's proxy_outbound_port")
  package static let inboundPort = Setting(
    "PROXY_INBOUND_PORT", .integer(1...65535), "", "the plugin's proxy_inbound_port")
  package static let tunnelPort = Setting(
    "PROXY_TUNNEL_PORT", .integer(1...65535), "", "the plugin's proxy_tunnel_port")
  package static let dnsPort = Setting("PROXY_DNS_PORT", .integer(1...65535), "", "the plugin's proxy_dns_port")
  package static let ownerGroups = Setting(
    "OUTBOUND_OWNER_GROUPS", .groups, "", takesEmpty: true, "the plugin's outbound_owner_groups")
  package static let excludedOwnerGroups = Setting(
    "OUTBOUND_OWNER_GROUPS_EXCLUDE", .groups, "", "the plugin's outbound_owner_groups_exclude")
  package static let loopback = Setting(
    "OUTBOUND_IPV4_LOOPBACK_CIDR", .loopback, "", "the plugin's outbound_ipv4_loopback_cidr")

  // MARK: The agent

  package static let nodeName = Setting(
    "KUBERNETES_NODE_NAME", aliases: ["NODE_NAME", "REPAIR_NODE_NAME"], .text, "", use: .atStart,
    "the node; default: the host's name")
  package static let podName = Setting(
    "POD_NAME", .text, "", use: .atStart, "the agent's pod, which Events are about; default: the node")
  package static let podUID = Setting("POD_UID", .text, "", use: .atStart, "its UID")
  package static let daemonSetName = Setting(
    "DAEMONSET_NAME", .text, "istio-cni-node", use: .atStart, "the DaemonSet whose end means that the agent is to leave"
  )
  package static let configSource = Setting(
    "CONFIG_SOURCE", .choice(["mounted", "api"]), "mounted", use: .atStart,
    "where the ConfigMap is read: mounted as files, or watched at the API server")
  package static let configFolder = Setting(
    "CONFIG_DIR", .path, "/etc/istio-cni/config", use: .atStart, "the mounted ConfigMap, a file a key")
  package static let configMapName = Setting(
    "CONFIG_MAP_NAME", .text, "istio-cni-config", use: .atStart, "its name at the API server")
  package static let auditInterval = Setting(
    "AUDIT_INTERVAL_SECONDS", .integer(0...86400), "300",
    "seconds between two audits of the node's pods; 0: the agent makes none, and repairs no pod in place")
  package static let processFolder = Setting(
    "HOST_PROC_DIR", .path, "/host/proc", "the node's /proc, as mounted: pods' namespaces are looked for there last")
  package static let namespaceFolder = Setting(
    "HOST_NETNS_DIR", .path, "/var/run/netns", "where the runtime binds pods' network namespaces, as mounted")
  package static let healthPort = Setting(
    "HEALTH_PORT", .integer(-1...65535), "8000", use: .atStart, "port of /healthz, /livez and /readyz; 0 and less: none"
  )
  package static let monitoringPort = Setting(
    "MONITORING_PORT", .integer(-1...65535), "15014", use: .atStart,
    "port of /metrics, which may be the same; 0 and less: none")
  package static let selfTest = Setting(
    "SELF_TEST", .bool, "true", use: .atStart,
    "whether readiness and STATUS wait for a test of the installed plugin with real connections")
  package static let untaintsNode = Setting(
    "UNTAINT_NODE", .bool, "false", use: .atStart,
    "whether the agent removes the taint cni.istio.io/not-ready from its node once that test has passed")
  package static let logLevel = Setting(
    "LOG_LEVEL", .choice(LogVerbosity.words), "info", "level of every scope that LOG_OUTPUT_LEVEL does not name")
  package static let outputLevel = Setting(
    "LOG_OUTPUT_LEVEL", flag: "log_output_level", .levels, "",
    "levels by scope: default, cni-agent, and cni-plugin for the plugin's own lines")
  package static let logsJSON = Setting(
    "LOG_AS_JSON", flag: "log_as_json", .bool, "false", use: .atStart, "log lines are JSON objects")
  package static let ambient = Setting(
    "AMBIENT_ENABLED", .bool, "false", "true is refused: this agent does sidecars")

  // MARK: Pods that started without their redirect

  package static let repairEnabled = Setting(
    "REPAIR_ENABLED", .bool, "true", "whether pods without their redirect, or with another, are repaired in any way")
  package static let repairsInPlace = Setting(
    "REPAIR_REPAIR_PODS", .bool, "true",
    "by putting it in place while they run, as their ADD would; stands before the other two")
  package static let repairDeletes = Setting(
    "REPAIR_DELETE_PODS", .bool, "false", "by deleting them, so that they are made anew; stands before the label")
  package static let repairLabels = Setting(
    "REPAIR_LABEL_PODS", .bool, "false", "by a label, for somebody else to act on")
  package static let brokenPodLabelKey = Setting(
    "REPAIR_BROKEN_POD_LABEL_KEY", .text, "cni.istio.io/uninitialized", "the label's key")
  package static let brokenPodLabelValue = Setting(
    "REPAIR_BROKEN_POD_LABEL_VALUE", .text, "true", "the label's value")
  package static let sidecarAnnotation = Setting(
    "REPAIR_SIDECAR_ANNOTATION", .text, "sidecar.istio.io/status", takesEmpty: true,
    "to be deleted or labelled, a pod must have this annotation; empty: none")
  package static let initContainerName = Setting(
    "REPAIR_INIT_CONTAINER_NAME", .text, "istio-validation", takesEmpty: true,
    "the init container whose failure tells; empty: any")
  package static let initContainerExitCode = Setting(
    "REPAIR_INIT_CONTAINER_EXIT_CODE", .integer(0...255), "126", "what it ends with then; 0: any failure")
  package static let initContainerMessage = Setting(
    "REPAIR_INIT_CONTAINER_TERMINATION_MESSAGE", .text, "", "its termination message then; default: any")
  package static let repairLabelSelectors = Setting(
    "REPAIR_LABEL_SELECTORS", .selector, "", "only pods with such labels: key=value,key!=value,key in (a,b),!key")
  package static let repairFieldSelectors = Setting(
    "REPAIR_FIELD_SELECTORS", .selector, "",
    "only pods with such fields: = and != on metadata.name, metadata.namespace, spec.nodeName, status.phase")

  /// Every setting that has an effect, in the order in which people are shown them.
  package static let all: [Setting] = [
    configurationFolder, configurationName, chained, owned, ownedName, groupReads, binarySource, binaryTargets,
    runDirectory, stateFolder, cacheFolder, serverHost, serverPort, serverProtocol, authorityFile, skipsVerification,
    kubeconfigMode, serviceAccountFolder, serviceAccountHostFolder, excludedNamespaces, podNamespace, nativeNftables,
    backend, deadline, dnsCapture, outboundPort, inboundPort, tunnelPort, dnsPort, ownerGroups, excludedOwnerGroups,
    loopback, repairEnabled, repairsInPlace, repairDeletes, repairLabels, brokenPodLabelKey, brokenPodLabelValue,
    sidecarAnnotation, initContainerName, initContainerExitCode, initContainerMessage, repairLabelSelectors,
    repairFieldSelectors, auditInterval, processFolder, namespaceFolder, nodeName, podName, podUID, daemonSetName,
    configSource, configFolder, configMapName, healthPort, monitoringPort, selfTest, untaintsNode, logLevel,
    outputLevel,
    logsJSON, ambient,
  ]

  /// What Istio's chart and agent know beyond that: ambient mode, and what was dropped.
  package static let unused: [Setting] =
    [
      "ENABLE_AMBIENT_DETECTION_RETRY", "ZTUNNEL_UDS_ADDRESS", "CNI_NETWORK_CONFIG", "CNI_NETWORK_CONFIG_FILE",
    ].map { Setting(unused: $0, flag: true) }
    + [
      "AMBIENT_ENABLEMENT_SELECTOR", "AMBIENT_DNS_CAPTURE", "AMBIENT_IPV6", "AMBIENT_RECONCILE_POD_RULES_ON_STARTUP",
      "AMBIENT_DISABLE_SAFE_UPGRADE", "AMBIENT_USE_SCOPED_XTABLES_LOCKING", "AMBIENT_ENABLE_AWS_BRANCH_ENI_PROBE",
      "ALLOW_SWITCH_TO_HOST_NS", "HOST_PROBE_SNAT_IP", "HOST_PROBE_SNAT_IPV6", "FORCE_IPTABLES_BINARY",
      "REPAIR_RUN_AS_DAEMON", "CURRENT_AGENT_VERSION",
    ].map { Setting(unused: $0, flag: false) }
    + ["ctrlz_port", "ctrlz_address", "log_target", "log_caller", "log_stacktrace_level", "repair-node-name"].map {
      Setting(unusedFlag: $0)
    }

  /// ``all``, for people.
  package static var markdownTable: String {
    let rows = all.map { setting in
      let standard = setting.standard.isEmpty ? "" : "`\(setting.standard)`"
      let mark = setting.use == .atStart ? " \u{2020}" : ""
      return "| `\(setting.key)`\(mark) | \(standard) | \(setting.help.replacing("|", with: "\\|")) |"
    }
    return (["| key | default | meaning |", "| --- | --- | --- |"] + rows).joined(separator: "\n")
  }
}
