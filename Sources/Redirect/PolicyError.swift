/// A setting of a meshed pod that cannot be honoured. The pod must not start: it would run with a redirect other than
/// the one it asks for.
package struct PolicyError: Error, Sendable, Equatable {
  /// What carries the setting: `annotation KEY`, `env NAME of istio-proxy`, `configuration key "KEY"`.
  package let setting: String
  package let value: String
  /// The rest of a sentence that begins with the value: `is not a port range`.
  package let problem: String
  /// What to do about it.
  package let advice: String

  package init(setting: String, value: String, problem: String, advice: String) {
    self.setting = setting
    self.value = value
    self.problem = problem
    self.advice = advice
  }
}

extension PolicyError: CustomStringConvertible {
  /// `annotation traffic.sidecar.istio.io/excludeOutboundPorts: "80-70" is not a port range`
  package var description: String {
    "\(setting): \"\(value.count > 40 ? value.prefix(37) + "..." : value)\" \(problem)"
  }
}
