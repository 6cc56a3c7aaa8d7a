import Kubernetes
import NodeAgent
import Testing

@Suite struct PluginKubeconfigTests {
  private static func token() throws -> BearerToken { try #require(BearerToken("abc.def-_.ghi")) }

  @Test("the kubeconfig has Istio's names, with authority and token in it")
  func embedded() throws {
    let kubeconfig = PluginKubeconfig(
      server: "https://[fd00::1]:443", trust: .authority(Array("-----BEGIN".utf8)), credential: .token(try Self.token())
    )
    #expect(
      String(decoding: kubeconfig.text, as: UTF8.self) == """
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: LS0tLS1CRUdJTg==
            server: https://[fd00::1]:443
          name: local
        contexts:
        - context:
            cluster: local
            user: istio-cni
          name: istio-cni-context
        current-context: istio-cni-context
        kind: Config
        users:
        - name: istio-cni
          user:
            token: abc.def-_.ghi

        """)
    let read = try Kubeconfig(kubeconfig.text, path: "/k")
    #expect(read.server.authority == "[fd00::1]:443")
    #expect(read.trust == .authority(Array("-----BEGIN".utf8)))
    #expect(read.credential == .token(try Self.token()))
  }

  @Test("a file of the token and no verification are what the plugin reads")
  func referred() throws {
    let kubeconfig = PluginKubeconfig(
      server: "https://10.96.0.1:443", trust: .anything, credential: .tokenFile(#"/run/a "b"\c: #d/token"#))
    let read = try Kubeconfig(kubeconfig.text, path: "/k")
    #expect(read.server.authority == "10.96.0.1:443")
    #expect(read.trust == .anything)
    #expect(read.credential == .tokenFile(#"/run/a "b"\c: #d/token"#))
  }

  @Test("authorities of every length survive", arguments: 1...7)
  func lengths(count: Int) throws {
    let pem = (0..<count).map { UInt8(200 + $0) }
    let kubeconfig = PluginKubeconfig(
      server: "https://10.96.0.1:443", trust: .authority(pem), credential: .token(try Self.token()))
    #expect(try Kubeconfig(kubeconfig.text, path: "/k").trust == .authority(pem))
  }
}
