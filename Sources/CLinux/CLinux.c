// Here, and only here, the C library shows its GNU extensions.
#define _GNU_SOURCE
#include "CLinux.h"

int clinux_accept(int fd) { return accept4(fd, 0, 0, SOCK_CLOEXEC); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

const char *clinux_error_name(int number) { return strerrorname_np(number); }
