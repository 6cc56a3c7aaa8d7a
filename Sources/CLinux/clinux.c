// The wrappers are inline; SwiftPM wants one source file to call this a C target.
#include "CLinux.h"
