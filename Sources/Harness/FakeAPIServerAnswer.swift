import JSON
import NIOHTTP1

/// An answer in the words of a real API server.
struct FakeAPIServerAnswer {
  var status: Int
  var contentType = "application/json"
  var extraHeaders: [(String, String)] = []
  var body: [UInt8]

  /// A `Status` object, as every answer but a success carries it.
  static func status(_ code: Int, _ path: String) -> FakeAPIServerAnswer {
    let parts = path.split(separator: "/")
    let name = parts.last.map { String($0) } ?? ""
    let namespace = parts.count > 3 ? String(parts[3]) : ""
    var status: JSONObject = ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure"]
    status["message"] = .string(message(code, name: name, namespace: namespace))
    status["reason"] = .string(reason(code))
    if code == 403 || code == 404 { status["details"] = ["name": .string(name), "kind": "pods"] }
    status["code"] = .number(JSONNumber(code))
    return FakeAPIServerAnswer(status: code, body: JSONValue.object(status).serialized())
  }

  private static func message(_ code: Int, name: String, namespace: String) -> String {
    switch code {
    case 401: "Unauthorized"
    case 403:
      "pods \"\(name)\" is forbidden: User \"system:serviceaccount:istio-system:istio-cni\" cannot get resource "
        + "\"pods\" in API group \"\" in the namespace \"\(namespace)\""
    case 404: "pods \"\(name)\" not found"
    case 429: "the server has received too many requests and has asked us to try again later"
    case 503: "the server is currently unable to handle the request"
    default: "an error on the server has prevented the request from succeeding"
    }
  }

  private static func reason(_ code: Int) -> String {
    switch code {
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "NotFound"
    case 429: "TooManyRequests"
    case 503: "ServiceUnavailable"
    default: "InternalError"
    }
  }

  static func page() -> FakeAPIServerAnswer {
    FakeAPIServerAnswer(
      status: 200, contentType: "text/html; charset=utf-8", body: Array("<html><body>Sign in</body></html>\n".utf8))
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
