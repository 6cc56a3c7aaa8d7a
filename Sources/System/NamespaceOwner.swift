import CLinux
import Glibc
import SystemPackage

extension NetworkNamespace {
  /// Whether the namespace belongs to another user namespace than this process, as that of a pod with
  /// `hostUsers: false` does.
  ///
  /// The kernel then refuses us some of what its own root may do: xt_owner's matches (owner_check,
  /// net/netfilter/xt_owner.c).
  package borrowing func belongsToOtherUsers() throws(SystemError) -> Bool {
    let owner: OwnedDescriptor
    do throws(SystemError) {
      owner = OwnedDescriptor(
        owning: try withRawValue { (descriptor) throws(SystemError) in
          try retrying("NS_GET_USERNS", "net:[\(identity.inode)]") { clinux_owner_of_namespace(descriptor) }
        })
    } catch let error where error.errno == .notPermitted {
      // The owner is none of our descendants.
      return true
    }
    let ours = try OwnedDescriptor.open("/proc/thread-self/ns/user", O_RDONLY)
    return try Self.inode(of: owner) != Self.inode(of: ours)
  }

  private static func inode(of descriptor: borrowing OwnedDescriptor) throws(SystemError) -> UInt64 {
    let descriptor = descriptor.withRawValue { $0 }
    var status = stat()
    try retrying("fstat", "user namespace") { unsafe fstat(descriptor, &status) }
    return UInt64(status.st_ino)
  }
}
