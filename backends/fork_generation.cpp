#include "backends/fork_generation.hpp"

#include <pthread.h>

#include <atomic>

namespace megaseal {
namespace {
std::atomic<uint64_t> generation{0};

// When the library is loaded, not when somebody first asks: a fork may come in between. So in the other files with handlers.
[[gnu::constructor]] void register_handler() {
  pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
}
}  // namespace

uint64_t fork_generation() { return generation.load(std::memory_order_relaxed); }

}  // namespace megaseal
