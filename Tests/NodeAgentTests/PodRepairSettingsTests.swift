import NodeAgent
import Testing

@Suite struct PodRepairSettingsTests {
  private static func read(_ configMap: [String: String]) throws(SettingFault) -> AgentSettings {
    try AgentSettings(flags: [:], configMap: configMap, environment: [:])
  }

  private static let label = PodRepairSettings.Mode.label(key: "cni.istio.io/uninitialized", value: "true")

  @Test(
    "one of the modes is in effect: in place before deletion, that before the label",
    arguments: [
      ([:], nil), (["REPAIR_DELETE_PODS": "true"], nil), (["REPAIR_REPAIR_PODS": "false"], nil),
      (["REPAIR_REPAIR_PODS": "false", "REPAIR_DELETE_PODS": "true", "REPAIR_LABEL_PODS": "true"], .delete),
      (["REPAIR_REPAIR_PODS": "false", "REPAIR_LABEL_PODS": "true"], label),
      (
        [
          "REPAIR_REPAIR_PODS": "false", "REPAIR_LABEL_PODS": "true", "REPAIR_BROKEN_POD_LABEL_KEY": "broken",
          "REPAIR_BROKEN_POD_LABEL_VALUE": "yes",
        ], .label(key: "broken", value: "yes")
      ),
      (["REPAIR_ENABLED": "false", "REPAIR_REPAIR_PODS": "false", "REPAIR_DELETE_PODS": "true"], nil),
    ] as [([String: String], PodRepairSettings.Mode?)])
  func mode(values: [String: String], mode: PodRepairSettings.Mode?) throws {
    #expect(try Self.read(values).podRepair.mode == mode)
  }

  @Test("what is asked for beside a mode that stands before it is told")
  func warnings() throws {
    #expect(try Self.read(["REPAIR_REPAIR_PODS": "false", "REPAIR_DELETE_PODS": "true"]).warnings.isEmpty)
    #expect(
      try Self.read(["REPAIR_DELETE_PODS": "true"]).warnings
        == ["REPAIR_DELETE_PODS has no effect while REPAIR_REPAIR_PODS is true"])
    #expect(
      try Self.read(["REPAIR_REPAIR_PODS": "false", "REPAIR_DELETE_PODS": "1", "REPAIR_LABEL_PODS": "1"]).warnings
        == ["REPAIR_LABEL_PODS has no effect while REPAIR_DELETE_PODS is true"])
    #expect(try Self.read(["REPAIR_ENABLED": "false", "REPAIR_LABEL_PODS": "1"]).warnings.isEmpty)
  }

  @Test("which pods are broken is Istio's default, and can be set")
  func rule() throws {
    #expect(try Self.read([:]).podRepair.rule == BrokenPodRule())
    let rule = try Self.read([
      "REPAIR_SIDECAR_ANNOTATION": "", "REPAIR_INIT_CONTAINER_NAME": "", "REPAIR_INIT_CONTAINER_EXIT_CODE": "0",
      "REPAIR_INIT_CONTAINER_TERMINATION_MESSAGE": " no redirect ", "EXCLUDE_NAMESPACES": "kube-system",
      "REPAIR_LABEL_SELECTORS": "app in (cart)", "REPAIR_FIELD_SELECTORS": "metadata.namespace=shop",
    ]).podRepair.rule
    #expect(
      rule
        == BrokenPodRule(
          sidecarAnnotation: "", container: "", exitCode: 0, terminationMessage: "no redirect",
          excludedNamespaces: ["kube-system"], labels: try LabelSelector("app in (cart)"),
          fields: try FieldSelector("metadata.namespace=shop")))
  }

  @Test("the node's name may be under Istio's key for it")
  func nodeName() throws {
    #expect(try Self.read(["REPAIR_NODE_NAME": "node-a"]).nodeName == "node-a")
    #expect(try Self.read(["REPAIR_NODE_NAME": "node-a", "KUBERNETES_NODE_NAME": "node-b"]).nodeName == "node-b")
  }

  @Test(
    "what is not allowed is told, in effect or not",
    arguments: [
      (
        "REPAIR_LABEL_SELECTORS", "app cart",
        """
        setting REPAIR_LABEL_SELECTORS: "app cart" of the ConfigMap has "cart" where a comma should be; write as for \
        kubectl --selector: key=value,key!=value,key in (a,b),!key
        """
      ),
      (
        "REPAIR_FIELD_SELECTORS", "spec.host=a",
        """
        setting REPAIR_FIELD_SELECTORS: "spec.host=a" of the ConfigMap has a condition on the field spec.host, which is \
        not kept of pods; use metadata.name, metadata.namespace, spec.nodeName, status.phase
        """
      ),
      (
        "REPAIR_BROKEN_POD_LABEL_KEY", "a b",
        """
        setting REPAIR_BROKEN_POD_LABEL_KEY: "a b" of the ConfigMap is not the key of a label; use up to 63 letters, \
        digits, "-", "_" and ".", a letter or digit at both ends; a domain and / may be before it
        """
      ),
      (
        "REPAIR_BROKEN_POD_LABEL_VALUE", "a/b",
        """
        setting REPAIR_BROKEN_POD_LABEL_VALUE: "a/b" of the ConfigMap is not the value of a label; use up to 63 letters, \
        digits, "-", "_" and ".", a letter or digit at both ends
        """
      ),
      (
        "REPAIR_INIT_CONTAINER_EXIT_CODE", "256",
        """
        setting REPAIR_INIT_CONTAINER_EXIT_CODE: "256" of the ConfigMap is not a number from 0 to 255; use a number in \
        that range
        """
      ),
      (
        "REPAIR_DELETE_PODS", "maybe",
        "setting REPAIR_DELETE_PODS: \"maybe\" of the ConfigMap is neither true nor false; use true or false"
      ),
    ])
  func faults(key: String, value: String, text: String) {
    #expect { try Self.read([key: value]) } throws: { ($0 as? SettingFault)?.description == text }
  }
}
