import CLinux
import Glibc
import SystemPackage

/// Gives the calling thread, and no other one, another user and group, without supplementary groups.
///
/// For the body of a dedicated thread: a change to a user other than 0 takes the thread's capabilities with it and
/// cannot be taken back. Sockets and children that the thread makes afterwards belong to `user`.
package func becomeOnThisThread(user: UInt32, group: UInt32) throws(SystemError) {
  try retrying("setgroups", "none") { clinux_thread_clear_groups() }
  try retrying("setresgid", "\(group)") { clinux_thread_set_group(group) }
  try retrying("setresuid", "\(user)") { clinux_thread_set_user(user) }
}
