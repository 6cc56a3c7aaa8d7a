import Glibc
import Harness
import Kubernetes
import NodeAgent
import System
import Testing

@Suite struct ServiceAccountFilesTests {
  @Test("token, authority and namespace are read as they are now")
  func reads() throws {
    let pod = try PodFolder()
    let files = ServiceAccountFiles(folder: pod.account)
    #expect(try files.token().expiry == .seconds(2_000_000_000))
    #expect(try files.namespace() == "istio-system")
    #expect(try files.authority("\(pod.account)/ca.crt") == Array(PodFolder.authority.utf8))
    try pod.write("token", serviceAccountToken(expiry: .seconds(7)) + "\n")
    #expect(try files.token().expiry == .seconds(7))
  }

  @Test("what is missing is named, with what to do")
  func missing() throws {
    let files = ServiceAccountFiles(folder: "/nonexistent")
    let token = #expect(throws: ServiceAccountFault.self) { try files.token() }
    #expect(
      token?.description
        == "cannot read the ServiceAccount's token: open(/nonexistent/token) = ENOENT (2); "
        + "mount it at SERVICE_ACCOUNT_DIR; automountServiceAccountToken must not be false")
    let authority = #expect(throws: ServiceAccountFault.self) { try files.authority("/nonexistent/ca.crt") }
    #expect(
      authority?.description
        == "cannot read the API server's certificate authority: open(/nonexistent/ca.crt) = ENOENT (2); "
        + "set KUBE_CA_FILE to a file of PEM certificates, or SKIP_TLS_VERIFY to true")
    let namespace = #expect(throws: ServiceAccountFault.self) { try files.namespace() }
    #expect(
      namespace?.description
        == "cannot read the agent's namespace: open(/nonexistent/namespace) = ENOENT (2); set POD_NAMESPACE")
  }

  @Test("what is no token, certificate or namespace is refused without being shown")
  func broken() throws {
    let pod = try PodFolder()
    let files = ServiceAccountFiles(folder: pod.account)
    try pod.write("token", "se cret")
    let token = #expect(throws: ServiceAccountFault.self) { try files.token() }
    #expect(
      token?.problem
        == "the ServiceAccount's token in \(pod.account)/token is empty, or has characters that no token has")
    try pod.write("ca.crt", "secret")
    let authority = #expect(throws: ServiceAccountFault.self) { try files.authority("\(pod.account)/ca.crt") }
    #expect(
      authority?.problem
        == "the API server's certificate authority in \(pod.account)/ca.crt has no PEM certificate")
    try pod.write("namespace", "\n")
    let namespace = #expect(throws: ServiceAccountFault.self) { try files.namespace() }
    #expect(namespace?.problem == "the agent's namespace in \(pod.account)/namespace is empty")
  }

  @Test("a token as large as a disk is not read")
  func large() throws {
    let pod = try PodFolder()
    try pod.write("token", String(repeating: "a", count: 70_000))
    let fault = #expect(throws: ServiceAccountFault.self) { try ServiceAccountFiles(folder: pod.account).token() }
    #expect(fault?.problem.contains("EFBIG") == true)
  }
}
