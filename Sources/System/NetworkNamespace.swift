import CLinux
import Glibc
import SystemPackage

/// A network namespace, kept alive by an open descriptor of it.
package struct NetworkNamespace: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor
  /// Which namespace this is; equal for two paths or descriptors of the same one.
  package let identity: Identity

  /// Device and inode of a namespace in nsfs: unique among the namespaces that exist at one time.
  package struct Identity: Sendable, Hashable {
    package let device: UInt64
    package let inode: UInt64
  }

  private init(_ descriptor: consuming OwnedDescriptor, path: String) throws(SystemError) {
    identity = try Self.identity(of: descriptor, path: path)
    self.descriptor = descriptor
  }

  /// Opens the namespace that is bound at `path`.
  ///
  /// - Throws: `EINVAL` if the file is anything else, such as the empty file that a bind mount leaves behind when
  ///   the node reboots.
  package static func open(_ path: String) throws(SystemError) -> NetworkNamespace {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    try NetworkNamespace(try OwnedDescriptor.open(path, O_RDONLY | O_NONBLOCK), path: path)
  }

  /// The namespace of the calling thread.
  package static func current() throws(SystemError) -> NetworkNamespace {
    do throws(SystemError) {
      return try open("/proc/thread-self/ns/net")
    } catch let error where error.errno == .noSuchFileOrDirectory {
      // A root folder without /proc: any socket of this thread knows, if we have CAP_NET_ADMIN.
      let socket = OwnedDescriptor(owning: try retrying("socket", "AF_UNIX") { clinux_unix_socket() })
      let descriptor = try socket.withRawValue { (socket) throws(SystemError) in
        try retrying("SIOCGSKNS", "socket") { clinux_namespace_of_socket(socket) }
      }
      return try NetworkNamespace(OwnedDescriptor(owning: descriptor), path: "SIOCGSKNS")
    }
  }

  /// A new namespace, with nothing in it but a loopback interface that is down.
  package static func create() throws(SystemError) -> NetworkNamespace {
    try onDedicatedThread { () throws(SystemError) in
      try retrying("unshare", "CLONE_NEWNET") { unshare(CLONE_NEWNET) }
      return try current()
    }
  }

  /// Runs `body` on a dedicated thread inside the namespace.
  ///
  /// A socket that `body` opens stays in the namespace for good, so all that follows can happen elsewhere.
  package borrowing func run<R: ~Copyable & Sendable>(
    _ body: @escaping @Sendable () throws(SystemError) -> R
  ) throws(SystemError) -> R {
    // An escaping closure cannot capture the owner; this frame keeps it alive until the thread has joined.
    let descriptor = descriptor.withRawValue { $0 }
    let inode = identity.inode
    return try onDedicatedThread { () throws(SystemError) in
      try enter(descriptor, CLONE_NEWNET, "net:[\(inode)]")
      return try body()
    }
  }

  /// Lends the descriptor, for calls that name a namespace by one.
  package borrowing func withRawValue<R: ~Copyable, E: Error>(_ body: (CInt) throws(E) -> R) throws(E) -> R {
    try descriptor.withRawValue(body)
  }

  /// Gives the namespace a path, as container runtimes do: it then lives until `unbind`.
  ///
  /// - Throws: `EEXIST` if there is a file; nothing is left behind in any case.
  package borrowing func bind(to path: String) throws(SystemError) {
    try withRawValue { (descriptor) throws(SystemError) in try bindNamespace(descriptor, to: path) }
  }

  /// Takes the path away. Sockets and processes in the namespace keep it alive.
  package static func unbind(_ path: String) throws(SystemError) {
    try retrying("umount2", path) { unsafe clinux_detach_mount(path) }
    try retrying("unlink", path) { unsafe unlink(path) }
  }

  private static func identity(
    of descriptor: borrowing OwnedDescriptor, path: String
  ) throws(SystemError) -> Identity {
    let descriptor = descriptor.withRawValue { $0 }
    var system = statfs()
    try retrying("fstatfs", path) { unsafe fstatfs(descriptor, &system) }
    guard system.f_type == NSFS_MAGIC, clinux_namespace_type(descriptor) == CLONE_NEWNET else {
      throw SystemError("NS_GET_NSTYPE", path, .invalidArgument)
    }
    var status = stat()
    try retrying("fstat", path) { unsafe fstat(descriptor, &status) }
    return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}

/// Binds the namespace behind a descriptor to a new file at `path`, in the calling thread's mount namespace.
///
/// - Throws: `EEXIST` if there is a file; nothing is left behind in any case.
package func bindNamespace(_ descriptor: CInt, to path: String) throws(SystemError) {
  try OwnedDescriptor.open(path, O_RDONLY | O_CREAT | O_EXCL).close()
  do throws(SystemError) {
    try retrying("mount", path) { unsafe clinux_bind_mount("/proc/self/fd/\(descriptor)", path) }
  } catch {
    // Best effort: the error that matters is the one on its way.
    unsafe unlink(path)
    throw error
  }
}

/// Moves the calling thread, for good, into the namespace behind a descriptor.
func enter(_ descriptor: CInt, _ type: CInt, _ object: @autoclosure () -> String) throws(SystemError) {
  try retrying("setns", object()) { setns(descriptor, type) }
}
