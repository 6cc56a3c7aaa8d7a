import Redirect
import Testing

@Suite struct DecisionTests {
  static let meshed = PodFacts(
    namespace: "shop", name: "cart-7d9f", annotations: [Annotation.status: "{}"],
    containers: [.init(name: "app"), .init(name: "istio-proxy", arguments: ["proxy", "sidecar"])])

  static func changed(_ change: (inout PodFacts) -> Void) -> PodFacts {
    var pod = meshed
    change(&pod)
    return pod
  }

  @Test("an injected pod is redirected")
  func meshedPod() throws {
    #expect(try Decision(Self.meshed) == .redirect(Policy(Self.meshed)))
  }

  @Test(
    "annotations alone tell who is not injected, or opted out",
    arguments: [
      ([:], SkipReason.notInjected), ([Annotation.inject: "true"], .notInjected),
      ([Annotation.status: "", Annotation.interceptionMode: "NONE"], .interceptionDisabled),
      ([Annotation.status: ""], nil), ([Annotation.status: "{}", Annotation.interceptionMode: "TPROXY"], nil),
    ])
  func annotations(_ annotations: [String: String], reason: SkipReason?) {
    #expect(SkipReason(annotations: annotations) == reason)
  }

  @Test(
    "pods outside the mesh are left alone, each for its own reason",
    arguments: [
      (changed { $0.usesNodeNetwork = true }, SkipReason.nodeNetwork),
      (changed { $0.containers.insert(.init(name: "istio-init"), at: 0) }, .programsItself),
      (changed { $0.containers[1].environment["DISABLE_ENVOY"] = "T" }, .proxyless),
      (changed { $0.containers.removeLast() }, .noProxy),
      (changed { $0.containers = [] }, .noProxy),
      (changed { $0.containers[1].arguments = ["proxy", "router"] }, .otherProxy("router")),
      (changed { $0.labels[Annotation.inject] = "false" }, .injectionDisabled),
      (changed { $0.annotations[Annotation.inject] = "0" }, .injectionDisabled),
      (changed { $0.annotations[Annotation.status] = nil }, .notInjected),
      (changed { $0.annotations[Annotation.interceptionMode] = "NONE" }, .interceptionDisabled),
      // The first reason in the order of the list is the one told.
      (
        changed {
          $0.annotations = [:]; $0.containers[1].arguments = ["proxy", "router"]
        }, .otherProxy("router")
      ),
    ])
  func skipped(pod: PodFacts, reason: SkipReason) throws {
    #expect(try Decision(pod) == .skip(reason))
  }

  @Test(
    "what only looks like a reason is none",
    arguments: [
      changed { $0.containers[1].environment["DISABLE_ENVOY"] = "yes" },
      changed { $0.containers[1].arguments = ["proxy"] },
      changed { $0.containers[1].arguments = ["agent", "router"] },
      changed { $0.labels[Annotation.inject] = "maybe" },
      changed {
        $0.labels[Annotation.inject] = "true"; $0.annotations[Annotation.inject] = "false"
      },
      changed { $0.annotations[Annotation.status] = "" },
      changed {
        $0.containers.append(.init(name: "istio-proxy", arguments: ["proxy", "sidecar"]));
        $0.containers[1].arguments = ["proxy", "router"]
      },
      changed { $0.containers.swapAt(0, 1) },
    ])
  func redirected(pod: PodFacts) throws {
    guard case .redirect = try Decision(pod) else {
      Issue.record("the pod was skipped")
      return
    }
  }

  @Test(
    "invocation and configuration settle what they can",
    arguments: [
      ("", "cart", SkipReason.notKubernetes), ("shop", "", .notKubernetes),
      ("istio-system", "istio-cni-node-x7k2p", .ownAgent), ("kube-system", "dns", .excludedNamespace),
      ("shop", "cart", nil), ("shop", "istio-cni-node-x7k2p", nil),
      // A longer or hand-made name is not the DaemonSet's.
      ("istio-system", "istio-cni-node-6c8d-x7k2p", nil), ("istio-system", "istio-cni-node-attac", nil),
      ("istio-system", "istio-cni-node-", nil),
    ])
  func early(namespace: String, name: String, expected: SkipReason?) {
    let exclusions = Exclusions(namespaces: ["kube-system"], agentNamespace: "istio-system")
    #expect(SkipReason(namespace: namespace, name: name, exclusions: exclusions) == expected)
  }

  @Test("an unknown agent namespace makes no pod the agent's")
  func unknownAgentNamespace() {
    #expect(SkipReason(namespace: "istio-system", name: "istio-cni-node-x7k2p", exclusions: Exclusions()) == nil)
  }
}
