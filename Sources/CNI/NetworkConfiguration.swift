package import JSON

/// The network configuration of one plugin, as the runtime writes it to stdin.
///
/// Unknown keys are kept and ignored. A key whose value is null counts as absent, except `name` and `cniVersion`.
package struct NetworkConfiguration: Sendable {
  /// The largest stdin that is read, in bytes. Real ones have some kilobytes; pod annotations may fill 256 KiB.
  package static let maximumByteCount = 4 << 20

  /// `cniVersion`, the version to answer in.
  package let version: SpecVersion

  /// `name`, the name of the network; safe as a part of a path.
  package let name: String

  /// `type`, the plugin's name; empty when absent. It need not be the name of the running program.
  package let type: String

  /// Everything that was read.
  package let object: JSONObject

  /// `prevResult`, the result of the plugin before this one; nil when absent. It may be empty.
  package let previousResult: JSONObject?

  /// `runtimeConfig`, the values of the capabilities that the configuration declares.
  package let runtimeConfig: JSONObject?

  /// Reads the configuration and checks what every verb relies on.
  ///
  /// - Throws: code 6 if it is not JSON, not an object, too large, or a standard key has a value of another type;
  ///   code 1 for a version that is not supported; code 7 for a missing or invalid name.
  package init(parsing stdin: [UInt8]) throws(Failure) {
    let object = try Self.object(in: stdin)
    self.object = object
    version = try Self.version(of: object)
    name = try Self.name(of: object)
    type = try object.value("type", as: "a string", code: .decoding) { $0.string } ?? ""
    previousResult = try object.value("prevResult", as: "an object", code: .decoding) { $0.object }
    runtimeConfig = try object.value("runtimeConfig", as: "an object", code: .decoding) { $0.object }
  }

  /// The version that a configuration asks for, however broken the rest of it is, so that the error can be labelled
  /// with it; nil if it cannot be told.
  package static func version(in stdin: [UInt8]) -> SpecVersion? {
    // Whatever is wrong is reported by the initializer, or does not matter to VERSION.
    guard let object = try? object(in: stdin) else { return nil }
    return try? version(of: object)
  }

  private static func object(in stdin: [UInt8]) throws(Failure) -> JSONObject {
    let message = "cannot read the network configuration from stdin"
    guard stdin.count <= maximumByteCount else {
      throw Failure(
        code: .decoding, message: message,
        details: "it is larger than \(maximumByteCount >> 20) MiB, the most this plugin accepts")
    }
    guard !stdin.isEmpty else {
      throw Failure(
        code: .decoding, message: message, details: "it is empty; the container runtime must write it to stdin")
    }
    let value: JSONValue
    do {
      value = try JSONValue(parsing: stdin)
    } catch {
      throw Failure(code: .decoding, message: message, details: "not valid JSON: \(error)")
    }
    guard let object = value.object else {
      throw Failure(code: .decoding, message: message, details: "expected a JSON object, found: \(value.kindName)")
    }
    return object
  }

  private static func version(of object: JSONObject) throws(Failure) -> SpecVersion {
    guard let value = object["cniVersion"] else { return .assumed }
    guard let text = value.string else {
      throw .wrongType("cniVersion", value, expected: "a string", code: .decoding)
    }
    // Older runtimes pass on an empty one from a list that has none.
    guard !text.isEmpty else { return .assumed }
    guard let version = SpecVersion(rawValue: text) else {
      throw .unsupportedVersion(text, in: "the network configuration")
    }
    return version
  }

  private static func name(of object: JSONObject) throws(Failure) -> String {
    guard let value = object["name"], value != "" else {
      throw Failure(
        code: .invalidConfiguration,
        message: "cannot use a network configuration without a name",
        details: "set \"name\" in the network configuration list")
    }
    guard let name = value.string else {
      throw .wrongType("name", value, expected: "a string", code: .decoding)
    }
    guard NameRule.allowsIdentifier(name) else {
      throw Failure(
        code: .invalidConfiguration,
        message: "cannot use the network name \(name.quoted())",
        details: "a name is made of ASCII letters, digits, \"_\", \".\" and \"-\" and starts with a letter or digit")
    }
    return name
  }
}

// MARK: - The plugin's own keys

extension NetworkConfiguration {
  /// The text at `key`; nil when it is absent or null.
  ///
  /// - Throws: code 7 if it is something else. The same holds for the getters below.
  package func string(_ key: String) throws(Failure) -> String? {
    try object.value(key, as: "a string") { $0.string }
  }

  /// The truth value at `key`.
  package func bool(_ key: String) throws(Failure) -> Bool? {
    try object.value(key, as: "true or false") { $0.bool }
  }

  /// The integer at `key`, however it is spelled.
  package func int(_ key: String) throws(Failure) -> Int? {
    try object.value(key, as: "an integer") { $0.int }
  }

  /// The list of strings at `key`.
  package func strings(_ key: String) throws(Failure) -> [String]? {
    try object.value(key, as: "a list of strings") { value in
      guard let elements = value.array else { return nil }
      let texts = elements.compactMap(\.string)
      return texts.count == elements.count ? texts : nil
    }
  }
}

extension JSONObject {
  fileprivate func value<Value>(
    _ key: String, as expected: String, code: Failure.Code = .invalidConfiguration,
    _ read: (JSONValue) -> Value?
  ) throws(Failure) -> Value? {
    guard let value = self[key], value != .null else { return nil }
    guard let result = read(value) else { throw .wrongType(key, value, expected: expected, code: code) }
    return result
  }
}

extension Failure {
  fileprivate static func wrongType(
    _ key: String, _ value: JSONValue, expected: String, code: Code
  ) -> Failure {
    let claim = "configuration key \(key.quoted()) must be \(expected), not "
    // The message is to stay under 100 characters, but a value must remain recognisable.
    let length = max(12, min(60, 99 - claim.unicodeScalars.count))
    return Failure(
      code: code,
      message: claim + value.excerpt(to: length),
      details: "found: \(value.kindName); correct it in the network configuration list on the node")
  }

  /// - Parameter place: what holds the version, for the message.
  static func unsupportedVersion(_ text: String, in place: String) -> Failure {
    let supported = SpecVersion.allSupported.map(\.rawValue).joined(separator: ", ")
    return Failure(
      code: .incompatibleVersion,
      message: "cannot serve CNI version \(text.quoted(to: 30)) of \(place)",
      details: "supported: \(supported)")
  }
}
