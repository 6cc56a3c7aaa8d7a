#include "CBareStart.h"

#include <stdlib.h>

// When it is loaded, the Swift runtime looks for its backtracing program through /proc/self/exe, and ends the process
// where there is no /proc ("Unable to obtain Swift runtime path"). A plugin has no use for that program: a crash must end
// it at once. So the runtime is told not to look, before its own initialisers run; those have no priority, and 101 is the
// first that is free for programs. Whoever sets SWIFT_BACKTRACE keeps what they set.
__attribute__((constructor(101))) static void start_without_backtraces(void) {
  setenv("SWIFT_BACKTRACE", "enable=no,swift-backtrace=none", 0);
}
