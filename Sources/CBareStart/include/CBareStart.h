// Lets a static Swift program start in an empty root. Linked, never called.
#pragma once
