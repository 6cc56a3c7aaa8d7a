import MeshPod

extension EventRecorder {
  /// Writes what became of a repair in place, as an Event of the pod. One that was not tried is none.
  package func record(_ finding: AuditFinding) async {
    let pod = finding.pod
    let subject = Subject.pod(namespace: pod.namespace, name: pod.name, uid: pod.uid.isEmpty ? nil : pod.uid)
    switch finding.repair {
    case .success:
      await record(.normal, reason: "RepairedPod", message: finding.repairedText, about: subject)
    case .failure(let reason):
      await record(
        .warning, reason: "RepairFailed",
        message: """
          cannot put the redirect of the pod's traffic back in place: \(reason); it was \(finding.state.rawValue) \
          (\(finding.detail)); delete the pod, so that it is set up anew
          """, about: subject)
    case .skip, nil: break
    }
  }
}

extension AuditFinding {
  /// For `kubectl describe pod`.
  var repairedText: String {
    switch state {
    case .missing:
      "the redirect of the pod's traffic to its proxy was missing, and was put in place while the pod runs"
    case .wrongPod:
      "the pod's redirect was looked for in another pod's network namespace; that was put right (\(detail))"
    default: "the redirect of the pod's traffic to its proxy was changed by others, and was put right (\(detail))"
    }
  }
}
