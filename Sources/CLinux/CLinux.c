// Here, and only here, the C library shows its GNU extensions.
#define _GNU_SOURCE
#include "CLinux.h"

#include <linux/netfilter_ipv4/ip_tables.h>
#include <sys/mman.h>

int clinux_legacy_rule_count(int fd, int is_ipv6, const char *table) {
  // The structure of IPv6 is the same.
  struct ipt_getinfo info = {0};
  socklen_t size = sizeof(info);
  strncpy(info.name, table, sizeof(info.name) - 1);
  int level = is_ipv6 ? SOL_IPV6 : SOL_IP;
  if (getsockopt(fd, level, is_ipv6 ? IP6T_SO_GET_INFO : IPT_SO_GET_INFO, &info, &size) < 0) return -1;
  return (int)info.num_entries - __builtin_popcount(info.valid_hooks) - 1;
}

int clinux_accept(int fd) { return accept4(fd, 0, 0, SOCK_CLOEXEC); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

const char *clinux_error_name(int number) { return strerrorname_np(number); }

int clinux_exchange(const char *path, const char *other) {
  return renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE);
}

int clinux_rename_new(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int clinux_set_lease_signal(int fd, int signal) { return fcntl(fd, F_SETSIG, signal); }

int clinux_take_read_lease(int fd) { return fcntl(fd, F_SETLEASE, F_RDLCK); }

int clinux_give_up_lease(int fd) { return fcntl(fd, F_SETLEASE, F_UNLCK); }

extern const char __executable_start[];
extern const char etext[];

int clinux_release_program(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = (uintptr_t)__executable_start & ~(page - 1);
  uintptr_t end = (uintptr_t)etext & ~(page - 1);
  return madvise((void *)start, end - start, MADV_DONTNEED);
}
