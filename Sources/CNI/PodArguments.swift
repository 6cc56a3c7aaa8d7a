/// What `CNI_ARGS` says about the pod; texts are empty where it says nothing.
///
/// Source: CNI conventions, "CNI_ARGS"; the keys are kubelet's and the runtimes'.
package struct PodArguments: Sendable, Equatable {
  package private(set) var podName = ""
  package private(set) var podNamespace = ""
  package private(set) var podUID = ""
  package private(set) var infraContainerID = ""

  /// Whether keys that this plugin does not know are to be passed over.
  package private(set) var ignoreUnknown = false

  /// Reads `KEY=VALUE` pairs, separated by `;`, in any order. Nothing between two separators is tolerated.
  ///
  /// A key that is given two different values is refused: with some runtimes users add pairs of their own, and must
  /// not be able to name another pod.
  ///
  /// - Throws: code 4 with a message that shows the pair.
  package init(parsing text: String) throws(Failure) {
    var values: [String: String] = [:]
    var unknownPair: String?
    // Bytes, since a combining mark after a separator makes both one Character.
    for bytes in text.utf8.split(separator: UInt8(ascii: ";")) {
      let pair = String(Substring(bytes))
      let parts = bytes.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw Self.malformed(pair, equalSignCount: parts.count - 1) }
      let (key, value) = (String(Substring(parts[0])), String(Substring(parts[1])))
      guard values.updateValue(value, forKey: key) ?? value == value else {
        throw Failure(
          code: .invalidEnvironment,
          message: "cannot read CNI_ARGS: \(pair.quoted()) contradicts an earlier pair",
          details: "a key may have one value only; see the runtime's and the pod's CNI arguments")
      }
      switch key {
      case "IgnoreUnknown": ignoreUnknown = try Self.truth(of: value, in: pair)
      case "K8S_POD_NAME": podName = value
      case "K8S_POD_NAMESPACE": podNamespace = value
      case "K8S_POD_UID": podUID = value
      case "K8S_POD_INFRA_CONTAINER_ID": infraContainerID = value
      default: unknownPair = unknownPair ?? pair
      }
    }
    // Only now, because IgnoreUnknown may stand behind what it excuses: containerd's order changes from call to call.
    if let unknownPair, !ignoreUnknown {
      throw Failure(
        code: .invalidEnvironment,
        message: "cannot read CNI_ARGS: \(unknownPair.quoted()) has an unknown key",
        details: "known are IgnoreUnknown, K8S_POD_NAME, K8S_POD_NAMESPACE, K8S_POD_UID and "
          + "K8S_POD_INFRA_CONTAINER_ID; IgnoreUnknown=1 lets others pass")
    }
  }

  private static func malformed(_ pair: String, equalSignCount: Int) -> Failure {
    Failure(
      code: .invalidEnvironment,
      message: "cannot read CNI_ARGS: \(pair.quoted()) has \(equalSignCount == 0 ? "no" : "more than one") \"=\"",
      details: "CNI_ARGS is a list of KEY=VALUE pairs separated by \";\", and no value may contain \"=\"")
  }

  private static func truth(of value: String, in pair: String) throws(Failure) -> Bool {
    switch value.lowercased() {
    case "1", "true": return true
    case "0", "false": return false
    default:
      throw Failure(
        code: .invalidEnvironment,
        message: "cannot read CNI_ARGS: \(pair.quoted()) is neither true nor false",
        details: "IgnoreUnknown is 1, true, 0 or false, in any case")
    }
  }
}
