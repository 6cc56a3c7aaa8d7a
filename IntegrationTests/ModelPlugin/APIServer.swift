import CLinux
import CNI
import Glibc
import System
import SystemPackage

/// The API server of a cluster, as far as a plugin depends on it that would look up pods there.
struct APIServer {
  private let address: String
  private let port: UInt16

  /// - Throws: code 11 when there is no kubeconfig yet, as before the agent has started.
  init(kubeconfig path: String) throws(Failure) {
    let text = (try? readFile(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    let server = text.split(whereSeparator: \.isNewline).first { $0.contains("server: https://") }
    let parts = server?.split(separator: "/").last?.filter { $0 != "\"" }.split(separator: ":") ?? []
    guard parts.count == 2, let port = UInt16(parts[1]) else {
      throw Failure(code: .tryAgainLater, message: "cannot find the API server: no kubeconfig at \(path)")
    }
    address = String(parts[0])
    self.port = port
  }

  /// - Throws: code 11 when it does not answer within two seconds.
  func requireAnswer() throws(Failure) {
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = port.bigEndian
    let isAddress = inet_pton(AF_INET, address, &target.sin_addr) == 1
    let descriptor = OwnedDescriptor(owning: socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
    let isConnected = descriptor.withRawValue { socket in
      var patience = timeval(tv_sec: 2, tv_usec: 0)
      setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
      return withUnsafePointer(to: &target) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      } == 0
    }
    guard isAddress, isConnected else {
      throw Failure(
        code: .tryAgainLater, message: "cannot reach the API server at \(address):\(port)",
        details: "the container was not started, for its traffic must not bypass the proxy")
    }
  }
}
