// Kernel interfaces that Swift's Glibc module does not show: headers it leaves out, functions that are
// variadic, and macros that Swift cannot import. One line of C each; all decisions are made in Swift.
//
// Read without _GNU_SOURCE, as Swift reads Glibc: with it some types have other members (fd_set), and a program that
// sees both definitions does not compile. What only _GNU_SOURCE shows is declared here or defined in CLinux.c.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <net/if.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/magic.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>

// Files: names that are exchanged, locks, and leases, which tell whether somebody writes.

int clinux_exchange(const char *path, const char *other);
int clinux_rename_new(const char *from, const char *to);

static inline int clinux_try_lock(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }

/// Sets the time of the last change of content; that of the last access stays.
static inline int clinux_set_modified(int fd, int64_t seconds, int64_t nanoseconds) {
  return futimens(fd, (struct timespec[2]){{0, UTIME_OMIT}, {seconds, nanoseconds}});
}

int clinux_set_lease_signal(int fd, int signal);
int clinux_take_read_lease(int fd);
int clinux_give_up_lease(int fd);

// Namespaces.

int setns(int fd, int type);
int unshare(int flags);

// Variadic functions.

static inline int clinux_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

static inline int clinux_set_flags(int fd, int flags) { return fcntl(fd, F_SETFL, flags); }

/// The CLONE_NEW… constant of the namespace behind `fd`, or -1.
static inline int clinux_namespace_type(int fd) { return ioctl(fd, NS_GET_NSTYPE); }

/// A descriptor, closed on exec, of the user namespace that owns the namespace behind `fd`, or -1.
static inline int clinux_owner_of_namespace(int fd) { return ioctl(fd, NS_GET_USERNS); }

/// The environment: `NAME=value`, ended by a null pointer. Swift cannot read the global itself: it is mutable.
static inline char **clinux_environment(void) { return __environ; }

/// A descriptor, closed on exec, of the network namespace that a socket lives in, or -1.
static inline int clinux_namespace_of_socket(int fd) { return ioctl(fd, SIOCGSKNS); }

static inline int clinux_unix_socket(void) { return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); }

/// How many rules a table of iptables-legacy holds in the namespace of a socket, or -1. The entries that every table
/// has, one a hook and one at the end, are no rules.
int clinux_legacy_rule_count(int fd, int is_ipv6, const char *table);

// Mounts: the flags are enumerators with macros of the same name, which Swift does not see.

static inline int clinux_make_mounts_private(void) { return mount(0, "/", 0, MS_REC | MS_PRIVATE, 0); }

static inline int clinux_bind_mount(const char *from, const char *to) { return mount(from, to, 0, MS_BIND, 0); }

static inline int clinux_mount_tmpfs(const char *path) {
  return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
}

static inline int clinux_detach_mount(const char *path) { return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW); }

// Identity of the calling thread alone. glibc's functions of these names change every thread of the process.

static inline int clinux_thread_clear_groups(void) { return (int)syscall(SYS_setgroups, 0, 0); }

static inline int clinux_thread_set_group(uint32_t id) { return (int)syscall(SYS_setresgid, id, id, id); }

static inline int clinux_thread_id(void) { return (int)syscall(SYS_gettid); }

static inline int clinux_thread_set_user(uint32_t id) { return (int)syscall(SYS_setresuid, id, id, id); }

// Children.

int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

static inline int clinux_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

static inline int clinux_status_is_exit(int status) { return WIFEXITED(status); }

static inline int clinux_status_exit_code(int status) { return WEXITSTATUS(status); }

static inline int clinux_status_signal(int status) { return WTERMSIG(status); }

// Descriptors that are closed on exec from the start.

int clinux_accept(int fd);
int clinux_pipe(int ends[2]);

// Flags that are enumerators with macros of the same name.

static inline int clinux_inotify(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }

/// A counter that starts at zero, whose reads and writes never wait.
static inline int clinux_event_counter(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/// The header's name of an error number, or a null pointer.
const char *clinux_error_name(int number);

// Netlink.

static inline int clinux_netlink_socket(int protocol) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol); }

/// Binds with port id 0: the kernel chooses a free one.
static inline int clinux_netlink_bind(int fd) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

// Local sockets.

/// `struct ucred`, which only _GNU_SOURCE shows.
struct clinux_credentials {
  pid_t process;
  uid_t user;
  gid_t group;
};

// Memory.

// From the first byte of the program to the end of its code, all of it read from its file, lets go of what is mapped.
// What is needed later comes back from the page cache. The linker defines the two names.
int clinux_release_program(void);
