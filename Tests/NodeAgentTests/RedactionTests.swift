import NodeAgent
import Testing

struct RedactionTests {
  static let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2ln-bmF0_dXJl"

  @Test(
    "tokens go, the text around them stays",
    arguments: [
      (token, "(a token)"),
      ("got \"\(token)\": refused", "got \"(a token)\": refused"),
      ("Authorization: Bearer \(token)\r\n", "Authorization: Bearer (a token)\r\n"),
      ("Authorization: bearer 0123456789abcdef!", "Authorization: bearer (a token)!"),
      ("a=\(token),b=\(token)", "a=(a token),b=(a token)"),
    ])
  func tokens(text: String, redacted: String) {
    #expect(Redaction.redacted(text) == redacted)
  }

  @Test(
    "other text stays as it is",
    arguments: [
      "", "the bearer token is missing", "eyJ", "eyJhbGciOiJSUzI1NiJ9", "10.96.0.1:443", "grüße",
      "/var/run/secrets/kubernetes.io/serviceaccount/token",
    ])
  func prose(text: String) {
    #expect(Redaction.redacted(text) == text)
  }

  @Test("some values are secret as a whole")
  func names() {
    #expect(Redaction.isSecret("Authorization"))
    #expect(!Redaction.isSecret("tokenFile"))
  }
}
