#include "CBareStart.h"

#include <malloc.h>
#include <stdlib.h>

// Both run before the Swift runtime's own initialisers, which have no priority; 101 is the first that is free for programs.

// When it is loaded, the Swift runtime looks for its backtracing program through /proc/self/exe, and ends the process
// where there is no /proc ("Unable to obtain Swift runtime path"). A plugin has no use for that program: a crash must end
// it at once. So the runtime is told not to look. Whoever sets SWIFT_BACKTRACE keeps what they set.
__attribute__((constructor(101))) static void start_without_backtraces(void) {
  setenv("SWIFT_BACKTRACE", "enable=no,swift-backtrace=none", 0);
}

// The plugin's threads take turns, so one heap serves them all. glibc would map one of 64 MiB for the thread that enters
// the pod, with four system calls more.
__attribute__((constructor(101))) static void start_with_one_heap(void) {
  mallopt(M_ARENA_MAX, 1);
}
