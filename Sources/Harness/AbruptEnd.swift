import Glibc
import NIOCore
import NIOPosix
import NIOSSL

extension Channel {
  /// Makes the kernel answer with RST: the socket has nothing more to send and does not linger. On its event loop only.
  func reset() {
    guard let socket = self as? any SocketOptionProvider else { return }
    socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in self.hangUp() }
  }

  /// Closes the connection under TLS, without its farewell. On its event loop only.
  func hangUp() {
    do {
      let tls = try pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
      tls.close(promise: nil)
    } catch {
      // The connection is gone, and its pipeline with it.
      close(promise: nil)
    }
  }
}
