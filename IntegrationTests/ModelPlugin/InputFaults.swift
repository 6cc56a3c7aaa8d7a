import CNI
import FaultTable
import Glibc
import JSON
import System

// Faults in reading standard input: it is changed, refused or fatal before the right code sees it.

/// The configuration as a plugin with the committed fault takes it.
func misread(_ input: [UInt8], _ command: Command) throws(Failure) -> [UInt8] {
  guard fault != nil else { return input }
  let reading = InputReading(input, command)
  if reading.isFatal { crash() }
  if let reason = reading.refusal { throw Failure(code: .invalidConfiguration, message: reason) }
  return reading.changed
}

private struct InputReading {
  private let input: [UInt8]
  private let command: Command
  private let object: JSONObject
  private let isObject: Bool

  init(_ input: [UInt8], _ command: Command) {
    self.input = input
    self.command = command
    let value = try? JSONValue(parsing: input)
    isObject = value?.object != nil
    object = value?.object ?? [:]
  }

  private var text: String { String(decoding: input, as: UTF8.self) }
  private var name: String { object["name"]?.string ?? "" }
  private var isKnownVersion: Bool { object["cniVersion"]?.string.flatMap(SpecVersion.init) != nil }
  private var runtimeConfig: JSONObject { object["runtimeConfig"]?.object ?? [:] }
  private var previous: JSONObject? { object["prevResult"]?.object }

  // MARK: What it dies of

  var isFatal: Bool {
    switch fault {
    case .crashesOnByteOrderMark: input.starts(with: [0xEF, 0xBB, 0xBF])
    case .crashesOnUpperCaseKeys: text.contains("\"NAME\"")
    case .crashesOnDeepJSON: depth > 900
    case .crashesOnBigInput: input.count > 1 << 20
    case .crashesOnInvalidUTF8: String(validating: input, as: UTF8.self) == nil
    case .crashesOnOddSpellings: text.contains("\\u006e") || hasOddNumber(.object(object))
    case .crashesOnBrokenDelete: command == .DEL && !(isObject && isKnownVersion)
    case .crashesOnNullEntries:
      ["interfaces", "ips", "routes"].contains { previous?[$0]?.array?.contains(.null) == true }
    case .crashesOnOldResults:
      previous != nil && SpecVersion(rawValue: object["cniVersion"]?.string ?? "") ?? .newest < .v0_3_0
    case .crashesOnBigIntegers: hasBigNumber(.object(runtimeConfig))
    case .crashesOnConflictingRequests: object["args"]?["cni"] != nil && !runtimeConfig.isEmpty
    default: false
    }
  }

  private var depth: Int {
    var depth = 0
    var deepest = 0
    for byte in input {
      if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
      if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { depth -= 1 }
      deepest = max(deepest, depth)
    }
    return deepest
  }

  private func hasOddNumber(_ value: JSONValue) -> Bool {
    any(value) { number in
      number.spelling.contains { ".eE".contains($0) } || (number.int.map { abs($0) > 1 << 53 } ?? true)
    }
  }

  private func hasBigNumber(_ value: JSONValue) -> Bool {
    any(value) { $0.int ?? .max > Int(Int32.max) }
  }

  private func any(_ value: JSONValue, _ condition: (JSONNumber) -> Bool) -> Bool {
    switch value {
    case .number(let number): condition(number)
    case .array(let elements): elements.contains { any($0, condition) }
    case .object(let object): object.members.contains { any($0.value, condition) }
    default: false
    }
  }

  // MARK: What it refuses

  /// Why the configuration is refused; nil if it is not.
  var refusal: String? {
    switch fault {
    case .refusesLongNetworkNames: name.count > 64 ? "the network name is too long" : nil
    case .failsDeleteOfLongNames: command == .DEL && name.count > 255 ? "the network name is too long" : nil
    case .refusesUnknownKeys: object.keys.contains { !Self.knownKeys.contains($0) } ? "there is an unknown key" : nil
    case .insistsOnItsType:
      ["model-cni", "model-ipam"].contains(object["type"]?.string) ? nil : "the type is another plugin's"
    case .takesNullForAValue: object.members.contains { $0.value == .null } ? "a key has the value null" : nil
    case .needsPreviousResultOnDelete:
      command == .DEL && previous?.isEmpty != false ? "cannot DEL without prevResult" : nil
    case .insistsOnAddresses:
      command == .ADD && ["ips", "interfaces"].contains { (previous?[$0]?.array ?? []).isEmpty }
        ? "prevResult has no addresses" : nil
    case .refusesUnknownCapabilities:
      runtimeConfig.keys.contains { !["portMappings", "mac", "ips", "bandwidth"].contains($0) }
        ? "runtimeConfig has an unknown capability" : nil
    case .needsRuntimeConfig: runtimeConfig.isEmpty ? "cannot run without runtimeConfig" : nil
    case .refusesBigAnnotations:
      JSONValue.object(runtimeConfig).serialized().count > 1 << 16 ? "runtimeConfig is too large" : nil
    default: nil
    }
  }

  private static let knownKeys: Set = [
    "cniVersion", "name", "type", "prevResult", "runtimeConfig", "ipam", "dns", "role", "dataDir", "mtu", "mac",
    "masquerade", "redirect", "dnsCapture", "kubeconfig", "cni.dev/valid-attachments", "cni.dev/attachments",
  ]

  // MARK: What it takes for something else

  var changed: [UInt8] {
    var changed = object
    switch fault {
    case .ignoresTrailingInput: return firstDocument
    case .mixesDuplicateKeys: return withoutFirstVersion
    case .acceptsAnyNetworkName:
      if !isIdentifier(name) { changed["name"] = "default" }
    case .coercesTypes:
      if let name = changed["name"], name.string == nil {
        changed["name"] = .string("n\(name.text().filter(\.isLetter))")
      }
      if let version = changed["cniVersion"], version.string == nil { changed["cniVersion"] = nil }
    case .assumesNewestVersion:
      if changed["cniVersion"] == nil { changed["cniVersion"] = "1.0.0" }
    case .acceptsUnknownVersions:
      if changed["cniVersion"]?.string != nil, !isKnownVersion { changed["cniVersion"] = "1.0.0" }
    case .checksWithoutPreviousResult:
      if command == .CHECK, previous == nil { CurrentProcess.exit(0) }
    default: break
    }
    return changed == object ? input : JSONValue.object(changed).serialized()
  }

  private func isIdentifier(_ text: String) -> Bool {
    text.first.map { $0.isASCII && ($0.isLetter || $0.isNumber) } == true
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
  }

  /// The input up to the bracket that closes the first one.
  private var firstDocument: [UInt8] {
    var depth = 0
    var isInString = false
    var isEscaped = false
    for (index, byte) in input.enumerated() {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString.toggle()
      } else if !isInString, byte == UInt8(ascii: "{") {
        depth += 1
      } else if !isInString, byte == UInt8(ascii: "}") {
        depth -= 1
        if depth == 0 { return Array(input[...index]) }
      }
    }
    return input
  }

  /// The input without the first of two versions, which the answer is then labelled with.
  private var withoutFirstVersion: [UInt8] {
    guard let range = firstVersion(in: text) else { return input }
    var text = text
    text.removeSubrange(range)
    return Array(text.utf8)
  }
}

/// Where a text that does not parse has its first `"cniVersion": …,`.
private func firstVersion(in text: String) -> Range<String.Index>? {
  guard (try? JSONValue(parsing: Array(text.utf8))) == nil, let range = text.firstRange(of: "\"cniVersion\""),
    let comma = text[range.upperBound...].firstIndex(of: ",")
  else { return nil }
  return range.lowerBound..<text.index(after: comma)
}

/// The label that the answer to an input with two versions gets from the first of them.
func firstOfTwoVersions(_ input: [UInt8]) -> String? {
  let text = String(decoding: input, as: UTF8.self)
  guard let range = firstVersion(in: text) else { return nil }
  let parts = text[range].split(separator: "\"")
  return parts.count >= 3 ? String(parts[2]) : nil
}

/// Reads standard input the wrong way; nil if the committed fault is another.
func misreadStandardInput() -> [UInt8]? {
  switch fault {
  case .readsInputOnce: return readOnce()
  case .actsBeforeEndOfInput:
    var bytes: [UInt8] = []
    while (try? JSONValue(parsing: bytes)) == nil, case let more = readOnce(), !more.isEmpty { bytes += more }
    return bytes
  default: return nil
  }
}

private func readOnce() -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: 1 << 16)
  let count = read(STDIN_FILENO, &bytes, bytes.count)
  return Array(bytes.prefix(max(0, count)))
}
