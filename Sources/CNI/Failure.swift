import JSON

/// Why a verb failed, as CNI's error object says it.
///
/// The message shows up in `kubectl describe pod`; the details are for the operator.
package struct Failure: Error, Equatable, Sendable {
  /// The kind of a failure; runtimes act on some of them.
  ///
  /// Source: CNI specification, "Error"; 50 and 51: "STATUS". 8 is the reference library's, not the specification's.
  package struct Code: Hashable, Sendable {
    /// The number as it is printed.
    package let rawValue: Int

    private init(_ rawValue: Int) {
      self.rawValue = rawValue
    }

    /// A code of this plugin's own.
    ///
    /// - Parameter number: 100 or more; smaller ones belong to the specification.
    package static func pluginSpecific(_ number: Int) -> Code {
      precondition(number >= 100, "codes below 100 are reserved")
      return Code(number)
    }

    /// A version, or a verb in it, that the plugin does not serve.
    package static let incompatibleVersion = Code(1)
    /// A configuration field that the plugin cannot honour; the message holds its key and value.
    package static let unsupportedField = Code(2)
    /// Tells the runtime that no DEL is needed.
    package static let unknownContainer = Code(3)
    /// Missing or invalid variables; the message names them.
    package static let invalidEnvironment = Code(4)
    /// A read or write that failed.
    package static let io = Code(5)
    /// Input that cannot be read as what it should be.
    package static let decoding = Code(6)
    /// A configuration whose values make no sense.
    package static let invalidConfiguration = Code(7)
    /// A `CNI_NETNS` that must not be touched, such as the plugin's own.
    package static let invalidNamespace = Code(8)
    /// A passing trouble: the same request may succeed later.
    package static let tryAgainLater = Code(11)
    /// STATUS only: an ADD would fail now.
    package static let notAvailable = Code(50)
    /// STATUS only: an ADD would fail now, and running containers may be impaired.
    package static let limitedConnectivity = Code(51)
  }

  /// The kind of the failure.
  package let code: Code

  /// What could not be done, to which object; one short line.
  package let message: String

  /// The cause and what to do about it; may be empty.
  package let details: String

  /// Describes a failure; see the members.
  package init(code: Code, message: String, details: String = "") {
    self.code = code
    self.message = message
    self.details = details
  }
}

extension Failure {
  /// The longest `msg` that is printed, in Unicode scalars.
  package static let maximumMessageLength = 200

  /// The error object for stdout, with a newline at its end.
  ///
  /// - Parameter version: the version of the request, or nil if it could not be read.
  package func serialized(version: SpecVersion?) -> [UInt8] {
    var object: JSONObject = [
      "cniVersion": .string((version ?? .newest).rawValue),
      "code": .number(JSONNumber(code.rawValue)),
      "msg": .string(message.onOneLine.shortened(to: Self.maximumMessageLength)),
    ]
    if !details.isEmpty { object["details"] = .string(details) }
    return JSONValue.object(object).serialized() + [UInt8(ascii: "\n")]
  }
}
