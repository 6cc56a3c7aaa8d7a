import CNI
import JSON

extension Container {
  /// ADD in another version than the case's.
  func call(in version: SpecVersion) throws -> Call {
    var call = try call(.ADD)
    call.configuration["cniVersion"] = .string(version.rawValue)
    call.configuration["prevResult"] = try previousResult(in: version).map { .object($0) }
    return call
  }

  /// As above, which is to succeed.
  ///
  /// - Returns: Its result.
  @discardableResult
  func add(in version: SpecVersion) throws -> JSONObject {
    try node.run(call(in: version)).result()
  }
}
