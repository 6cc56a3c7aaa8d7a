/// A kubeconfig as Istio's installer writes it for its plugin.
///
/// - Parameters:
///   - server: `https://ADDRESS:PORT`.
///   - certificateAuthorityPEM: nil writes `insecure-skip-tls-verify`.
package func kubeconfigText(server: String, certificateAuthorityPEM: String?, token: String) -> String {
  let trust =
    certificateAuthorityPEM.map { "certificate-authority-data: \(base64(Array($0.utf8)))" }
    ?? "insecure-skip-tls-verify: true"
  return """
    # Kubeconfig file for Istio CNI plugin.
    apiVersion: v1
    clusters:
    - cluster:
        \(trust)
        server: \(server)
      name: local
    contexts:
    - context:
        cluster: local
        user: istio-cni
      name: istio-cni-context
    current-context: istio-cni-context
    kind: Config
    preferences: {}
    users:
    - name: istio-cni
      user:
        token: \(token)

    """
}

/// A token as ServiceAccounts have them, signed by nobody.
///
/// - Parameter expiry: since 1970; nil for one that says nothing of its end.
package func serviceAccountToken(expiry: Duration?) -> String {
  let claims = expiry.map { #"{"aud":["k"],"exp":\#($0.components.seconds),"sub":"ÿ~?"}"# } ?? #"{"aud":["k"]}"#
  return [#"{"alg":"RS256"}"#, claims, "signature"].map { part in
    String(
      base64(Array(part.utf8)).compactMap { digit -> Character? in
        switch digit {
        case "+": "-"
        case "/": "_"
        case "=": nil
        default: digit
        }
      })
  }.joined(separator: ".")
}

/// RFC 4648 section 4, with padding.
package func base64(_ bytes: [UInt8]) -> String {
  let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var text: [UInt8] = []
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    let bits = group.reduce(0 as UInt32) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
    for index in 0...3 {
      text.append(index > group.count ? UInt8(ascii: "=") : digits[Int(bits >> UInt32(18 - 6 * index) & 0x3F)])
    }
  }
  return String(decoding: text, as: UTF8.self)
}
