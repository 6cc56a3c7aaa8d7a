import Kubernetes
import Testing

@Suite("An error's text")
struct KubernetesErrorTests {
  @Test("stays on one short line even for the longest names, and keeps both ends")
  func length() {
    let object = String(repeating: "n", count: 63) + "/" + String(repeating: "p", count: 247) + "-7d9f5"
    for operation in [KubernetesError.Operation.readKubeconfig, .readToken, .fetchPod, .decodePod] {
      let error = KubernetesError(.notFound, operation, object, cause: "c", retryHelps: true, advice: "a")
      #expect(error.message.count < 100)
      #expect(error.message.contains("-7d9f5"))
    }
  }

  @Test("says whether a retry can help")
  func retry() {
    let error = { (helps: Bool) in
      KubernetesError(.notFound, .fetchPod, "shop/cart", cause: "gone", retryHelps: helps, advice: "look")
    }
    #expect(error(true).description == "cannot read pod shop/cart from the API server: gone; a retry may help; look")
    #expect(
      error(false).description
        == "cannot read pod shop/cart from the API server: gone; a retry does not help; look")
  }
}
