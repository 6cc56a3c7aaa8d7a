import CNI
import MeshPod
import System

extension Request {
  /// Opens the pod's namespace, which is none of the node's.
  ///
  /// - Throws: code 102 if it cannot be entered, code 4 for the plugin's own.
  func enter(_ path: String, _ pod: PodName, allowsOwn: Bool) throws(Failure) -> NetworkNamespace {
    do throws(SystemError) {
      let namespace = try NetworkNamespace.open(path)
      let own = try NetworkNamespace.current().identity
      if allowsOwn || namespace.identity != own { return namespace }
    } catch {
      throw Failure(error, entering: path, of: pod)
    }
    throw Failure(
      code: .invalidEnvironment, message: "CNI_NETNS is the plugin's own namespace, not one of pod \(pod)",
      details: "\(path) is where this plugin runs; rules there would redirect the node's traffic")
  }
}
