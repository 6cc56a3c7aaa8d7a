import CNI
import JSON
import Netfilter
import Netlink
import System

extension Request {
  /// DEL: takes the redirect out if the namespace is still there.
  ///
  /// It never fails. All we ever made is in the namespace and ends with it, while an error would keep the runtime from
  /// calling the plugins before us, which have addresses to give back.
  mutating func delete(_ invocation: Invocation) {
    guard let path = invocation.namespacePath else { return }
    do throws(SystemError) {
      let namespace = try NetworkNamespace.open(path)
      guard try namespace.identity != NetworkNamespace.current().identity || invocation.allowsOwnNamespace else {
        log["warning"] = "CNI_NETNS is the plugin's own namespace; nothing was removed"
        return
      }
      remove(from: namespace)
    } catch {
      log["warning"] = .string("nothing was removed: \(error)")
    }
  }

  private mutating func remove(from namespace: borrowing NetworkNamespace) {
    do throws(NetlinkError) {
      try PodRedirect.remove(from: namespace)
    } catch {
      log.raise(to: .warn)
      log["warning"] = .string("the redirect was not removed: \(error)")
    }
  }
}
