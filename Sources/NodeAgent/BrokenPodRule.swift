/// Tells which pods have started without their redirect, by what their init containers ended with.
package struct BrokenPodRule: Sendable, Equatable {
  /// The key that an injected pod has; empty admits all pods.
  package var sidecarAnnotation: String
  /// Empty is any.
  package var container: String
  /// 0 is any.
  package var exitCode: Int
  /// Without white space around it; empty is any.
  package var terminationMessage: String
  /// The plugin leaves pods there alone, so that nothing of what they lack would come by starting again.
  package var excludedNamespaces: [String]
  package var labels: LabelSelector
  package var fields: FieldSelector

  package init(
    sidecarAnnotation: String = "sidecar.istio.io/status", container: String = "istio-validation", exitCode: Int = 126,
    terminationMessage: String = "", excludedNamespaces: [String] = [], labels: LabelSelector = LabelSelector(),
    fields: FieldSelector = FieldSelector()
  ) {
    self.sidecarAnnotation = sidecarAnnotation
    self.container = container
    self.exitCode = exitCode
    self.terminationMessage = terminationMessage
    self.excludedNamespaces = excludedNamespaces
    self.labels = labels
    self.fields = fields
  }

  /// The end of a container that shows that the pod is broken; nil if it is not.
  package func evidence(in pod: InitFailures) -> InitFailures.Termination? {
    guard sidecarAnnotation.isEmpty || pod.annotationKeys.contains(sidecarAnnotation),
      !excludedNamespaces.contains(pod.fields[.namespace] ?? ""), labels.matches(pod.labels), fields.matches(pod.fields)
    else { return nil }
    return pod.terminations.first { end in
      (container.isEmpty || container == end.container) && (exitCode == 0 || exitCode == end.exitCode)
        && (terminationMessage.isEmpty || terminationMessage == end.message)
    }
  }
}
