/// What the environment of one plugin process asks for.
package struct Invocation: Sendable, Equatable {
  /// `CNI_COMMAND`, the verb.
  package let command: Command

  /// `CNI_CONTAINERID`, valid for ADD, DEL and CHECK; empty for the other verbs.
  package let containerID: String

  /// `CNI_NETNS`; nil when it is empty, as in the second DEL of a pod, and for GC, STATUS and VERSION.
  package let namespacePath: String?

  /// `CNI_IFNAME`, valid for ADD, DEL and CHECK; empty for the other verbs.
  package let interfaceName: String

  /// `CNI_ARGS` as it came; see ``PodArguments``. Not parsed here, since only ADD and CHECK need it.
  package let arguments: String

  /// `CNI_PATH`, the directories of plugins, separated by `:`. GC requires it, as the specification does; where it
  /// leaves it out if nothing is delegated, so do we.
  package let path: String

  /// Whether `CNI_NETNS_OVERRIDE` permits the plugin's own namespace as `CNI_NETNS`.
  package let allowsOwnNamespace: Bool

  /// `TRACEPARENT`, from runtimes that trace; nil when absent.
  package let traceParent: String?

  /// What a start without `CNI_COMMAND` throws: probably a person at a shell, who is better served with a text.
  package static let missingCommand = Failure(
    code: .invalidEnvironment,
    message: "cannot run without CNI_COMMAND in the environment",
    details: "this program is a CNI plugin: a container runtime starts it and says what to do in CNI_* variables")

  /// Reads and checks the `CNI_*` variables; empty counts as absent.
  ///
  /// - Throws: ``missingCommand``, or code 4 with a message that names the variables at fault.
  ///
  /// Source: CNI specification, "Parameters".
  package init(environment: [String: String]) throws(Failure) {
    let command = try Self.command(in: environment)
    try Self.requireVariables(of: command, in: environment)
    self.command = command
    // Runtimes set these for every verb, to nothing (GC, STATUS) or to `dummy` (VERSION).
    let attachment = command.concernsAttachment ? environment : [:]
    containerID = attachment["CNI_CONTAINERID"] ?? ""
    interfaceName = attachment["CNI_IFNAME"] ?? ""
    namespacePath = attachment.nonEmptyValue("CNI_NETNS")
    arguments = environment["CNI_ARGS"] ?? ""
    path = environment["CNI_PATH"] ?? ""
    allowsOwnNamespace = ["1", "true"].contains(environment["CNI_NETNS_OVERRIDE"]?.lowercased())
    traceParent = environment.nonEmptyValue("TRACEPARENT")
  }

  private static func command(in environment: [String: String]) throws(Failure) -> Command {
    guard let verb = environment.nonEmptyValue("CNI_COMMAND") else { throw missingCommand }
    guard let command = Command(rawValue: verb) else {
      let known = Command.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure(
        code: .invalidEnvironment,
        message: "cannot run CNI_COMMAND \(verb.quoted()): unknown verb",
        details: "known are \(known), in capitals")
    }
    return command
  }

  private static func requireVariables(of command: Command, in environment: [String: String]) throws(Failure) {
    let missing = command.requiredVariables.filter { environment.nonEmptyValue($0) == nil }
    guard missing.isEmpty else {
      throw Failure(
        code: .invalidEnvironment,
        message: "cannot run \(command.rawValue) without \(missing.joined(separator: ", "))",
        details: "the container runtime sets these environment variables; an empty one counts as missing")
    }
    guard command.concernsAttachment else { return }
    try requireValid(
      "CNI_CONTAINERID", in: environment, NameRule.allowsIdentifier,
      rule: "a container id is made of ASCII letters, digits, \"_\", \".\" and \"-\" and starts with a letter or digit")
    try requireValid(
      "CNI_IFNAME", in: environment, NameRule.allowsInterface,
      rule: "an interface name has 1 to 15 bytes, no \"/\", no \":\" and no white space, and is not \".\" or \"..\"")
  }

  private static func requireValid(
    _ name: String, in environment: [String: String], _ isValid: (String) -> Bool, rule: String
  ) throws(Failure) {
    guard let value = environment[name], !isValid(value) else { return }
    throw Failure(
      code: .invalidEnvironment, message: "cannot use \(name) \(value.quoted()): not a valid name", details: rule)
  }
}

extension [String: String] {
  fileprivate func nonEmptyValue(_ key: String) -> String? {
    guard let value = self[key], !value.isEmpty else { return nil }
    return value
  }
}
