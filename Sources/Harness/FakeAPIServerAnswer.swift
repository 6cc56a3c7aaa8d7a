import JSON
import NIOHTTP1

/// An answer in the words of a real API server.
struct FakeAPIServerAnswer {
  var status: Int
  var contentType = "application/json"
  var extraHeaders: [(String, String)] = []
  var body: [UInt8]

  /// What was asked for, or was done.
  static func object(_ object: JSONValue, status: Int = 200) -> FakeAPIServerAnswer {
    FakeAPIServerAnswer(status: status, body: object.serialized())
  }

  /// A `Status` object, as every answer but a success carries it.
  ///
  /// - Parameter reason: nil is the one that goes with the code.
  static func status(
    _ code: Int, _ uri: String, reason: String? = nil, message: String? = nil
  ) -> FakeAPIServerAnswer {
    FakeAPIServerAnswer(
      status: code, body: statusObject(code, FakeAPIPath(uri), reason: reason, message: message).serialized())
  }

  static func statusObject(
    _ code: Int, _ path: FakeAPIPath?, reason: String? = nil, message: String? = nil
  ) -> JSONValue {
    var status: JSONObject = ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure"]
    status["message"] = .string(message ?? Self.message(code, path))
    status["reason"] = .string(reason ?? Self.reason(code))
    if let path, [403, 404, 409].contains(code) {
      var details: JSONObject = [:]
      if let name = path.name { details["name"] = .string(name) }
      if !path.group.isEmpty { details["group"] = .string(path.group) }
      details["kind"] = .string(path.plural)
      status["details"] = .object(details)
    }
    status["code"] = .number(JSONNumber(code))
    return .object(status)
  }

  private static func message(_ code: Int, _ path: FakeAPIPath?) -> String {
    let plural = path?.plural ?? ""
    let resource = [plural, path?.group ?? ""].filter { !$0.isEmpty }.joined(separator: ".")
    let name = path?.name.map { " \"\($0)\"" } ?? ""
    return switch code {
    case 401: "Unauthorized"
    case 403:
      "\(resource)\(name) is forbidden: User \"system:serviceaccount:istio-system:istio-cni\" cannot "
        + "\(path?.name == nil ? "list" : "get") resource \"\(plural)\" in API group \"\(path?.group ?? "")\" "
        + (path?.namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope")
    case 404: "\(resource)\(name) not found"
    case 409: "\(resource)\(name) already exists"
    case 410: "The resourceVersion for the provided watch is too old."
    case 429: "the server has received too many requests and has asked us to try again later"
    case 503: "the server is currently unable to handle the request"
    default: "an error on the server has prevented the request from succeeding"
    }
  }

  private static func reason(_ code: Int) -> String {
    switch code {
    case 400: "BadRequest"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "NotFound"
    case 405: "MethodNotAllowed"
    case 409: "AlreadyExists"
    case 410: "Expired"
    case 415: "UnsupportedMediaType"
    case 422: "Invalid"
    case 429: "TooManyRequests"
    case 503: "ServiceUnavailable"
    default: "InternalError"
    }
  }

  static func page(status: Int) -> FakeAPIServerAnswer {
    FakeAPIServerAnswer(
      status: status, contentType: "text/html; charset=utf-8", body: Array("<html><body>Sign in</body></html>\n".utf8))
  }

  var head: HTTPResponseHead {
    var headers = HTTPHeaders(extraHeaders)
    headers.add(name: "Audit-Id", value: "5d0c3f8e-1c5b-4a3c-9f0e-6f0d2a7b9c11")
    headers.add(name: "Cache-Control", value: "no-cache, private")
    headers.add(name: "Content-Type", value: contentType)
    headers.add(name: "X-Kubernetes-Pf-Flowschema-Uid", value: "0b7b2a4e-5d8e-4d0b-8f5e-3e8a1c9d7f42")
    headers.add(name: "X-Kubernetes-Pf-Prioritylevel-Uid", value: "c2a6f1d3-7e94-4b1a-a3c8-51d0e2f6b780")
    headers.add(name: "Content-Length", value: String(body.count))
    return HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
  }
}
