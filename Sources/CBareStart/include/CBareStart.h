// Lets a static Swift program start in an empty root, and with little. Linked, never called.
#pragma once
