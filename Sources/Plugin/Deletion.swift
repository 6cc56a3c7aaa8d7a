import CNI
import JSON
import Netfilter
import System

extension Request {
  /// DEL: takes the redirect out if the namespace is still there.
  ///
  /// It never fails. All we ever made is in the namespace and ends with it, while an error would keep the runtime from
  /// calling the plugins before us, which have addresses to give back.
  mutating func delete(_ invocation: Invocation, _ network: NetworkConfiguration) {
    guard let path = invocation.namespacePath else { return }
    // A configuration that is broken by now must not keep the pod from going.
    let preference = (try? PluginConfiguration(network).backend) ?? .auto
    do throws(SystemError) {
      let namespace = try NetworkNamespace.open(path)
      guard try namespace.identity != NetworkNamespace.current().identity || invocation.allowsOwnNamespace else {
        log["warning"] = "CNI_NETNS is the plugin's own namespace; nothing was removed"
        return
      }
      remove(from: namespace, preference)
    } catch {
      log["warning"] = .string("nothing was removed: \(error)")
    }
  }

  private mutating func remove(
    from namespace: borrowing NetworkNamespace, _ preference: BackendSelection.Preference
  ) {
    do throws(NetfilterError) {
      _ = try backends(preference).attempt(in: namespace) { (backend, namespace) throws(NetfilterError) in
        try PodRedirect.remove(from: namespace, with: backend)
      }
    } catch {
      log.raise(to: .warn)
      log["warning"] = .string("the redirect was not removed: \(error)")
    }
  }
}
