// Tells a forked child from its parent without a system call.
#pragma once
#include <cstdint>

namespace megaseal {

/// Grows by one in every child that fork() makes. Threads of the parent do not exist in the child, so
/// whatever counts on them compares this number with the one it was created under.
uint64_t fork_generation();

}  // namespace megaseal
