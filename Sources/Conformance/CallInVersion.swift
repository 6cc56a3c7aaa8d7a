import CNI
import JSON

extension Container {
  /// As `call`, in another version of the specification than the lab's.
  ///
  /// - Parameter result: What ADD returned, in any version.
  func call(
    _ verb: Command, in version: SpecVersion, result: JSONObject? = nil, configuration patch: JSONObject = [:]
  ) throws -> Call {
    var call = try call(verb, configuration: patch)
    call.configuration["cniVersion"] = .string(version.rawValue)
    switch verb {
    case .ADD: call.configuration["prevResult"] = try previousResult(in: version).map { .object($0) }
    case .CHECK: call.configuration["prevResult"] = try result.map { .object(try $0.converted(to: version)) }
    case .DEL where version >= .v0_4_0:
      call.configuration["prevResult"] = try result.map { .object(try $0.converted(to: version)) }
    case .DEL, .GC, .STATUS, .VERSION: break
    }
    return call
  }

  /// ADD in another version than the lab's, which is to succeed.
  @discardableResult
  func add(in version: SpecVersion) throws -> JSONObject {
    try node.run(call(.ADD, in: version)).result()
  }
}

extension JSONObject {
  /// A plugin's result as a runtime converts it to another version.
  ///
  /// - Throws: A `Discrepancy` if it is no result of the version that it states.
  func converted(to version: SpecVersion) throws -> JSONObject {
    do throws(Failure) {
      return try AttachmentResult(previous: self, version: version).rendered(as: version)
    } catch {
      throw Discrepancy("a runtime cannot convert the result to \(version.rawValue): \(error.message)")
    }
  }
}
