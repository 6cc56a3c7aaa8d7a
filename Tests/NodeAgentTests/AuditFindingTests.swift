import JSON
import MeshPod
import Netfilter
import NodeAgent
import Testing

@Suite struct AuditFindingTests {
  static let pod = PodName(namespace: "shop", name: "cart", uid: "7f3c")

  @Test("the table has a line for each pod, with what is wrong")
  func table() {
    let findings = [
      AuditFinding(Self.pod, .ok, namespacePath: "/var/run/netns/cni-1"),
      AuditFinding(
        PodName(namespace: "shop", name: "till", uid: "8a1b"), .changed,
        differences: [Difference(.missing, "chain a"), Difference(.extra, "rule 1 of b")],
        foreignTables: ["table ip nat"]),
      AuditFinding(PodName(namespace: "mall", name: "desk", uid: ""), .notFound, reason: "gone"),
    ]
    #expect(
      AuditFinding.table(of: findings) == """
        NAMESPACE  NAME  STATE      DETAIL
        shop       cart  ok         \("")
        shop       till  changed    missing: chain a; extra: rule 1 of b; beside rules of others: table ip nat
        mall       desk  not-found  gone

        """)
    #expect(AuditFinding.table(of: []) == "No pod on this node is to be redirected.\n")
  }

  @Test("more differences than anybody reads are counted")
  func many() {
    let finding = AuditFinding(
      Self.pod, .changed, differences: (1...7).map { Difference(.missing, "rule \($0) of a") })
    #expect(finding.detail.hasSuffix("missing: rule 5 of a; 2 more differences"))
  }

  @Test("as JSON there is all of it")
  func json() {
    let finding = AuditFinding(
      Self.pod, .wrongPod, namespacePath: "/var/run/netns/cni-1", differences: [Difference(.missing, "chain a")],
      foreignTables: ["table ip nat"], reason: "why")
    #expect(
      finding.json == [
        "namespace": "shop", "name": "cart", "uid": "7f3c", "state": "wrong-pod", "path": "/var/run/netns/cni-1",
        "differences": ["missing: chain a"], "foreign": ["table ip nat"], "reason": "why",
      ])
  }

  @Test("a pod that was repaired stands well, beside others' rules or not")
  func standing() {
    #expect(AuditFinding(Self.pod, .missing, repair: .success).standing == .ok)
    #expect(AuditFinding(Self.pod, .changed, foreignTables: ["table ip nat"], repair: .success).standing == .foreign)
    #expect(AuditFinding(Self.pod, .missing, repair: .failure("no")).standing == .missing)
    #expect(AuditFinding(Self.pod, .missing, repair: .skip("no")).standing == .missing)
    #expect(AuditFinding(Self.pod, .changed).standing == .changed)
  }
}
