// This executable's own malloc: it counts, and fails when told to. mmap and pthread_create fail as well.
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEGASEAL_OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MEGASEAL_OWN_MALLOC 0
#endif
#endif
#if !defined(MEGASEAL_OWN_MALLOC) && defined(__GLIBC__)
#define MEGASEAL_OWN_MALLOC 1
#elif !defined(MEGASEAL_OWN_MALLOC)
#define MEGASEAL_OWN_MALLOC 0
#endif

namespace megaseal::test::own_malloc {

/// False where malloc cannot be replaced: sanitizers, other C libraries.
inline constexpr bool is_here = MEGASEAL_OWN_MALLOC;

/// Counts requests for memory, of all threads, from now on.
void count();
/// Stops counting, and says how many there were.
size_t counted();

/// The n-th request from now on fails, n from 1.
void fail(size_t n);
/// No more requests fail. Says whether one did.
bool failed();

/// Blocks of memory that are allocated and not yet freed, mappings included.
long live();

}  // namespace megaseal::test::own_malloc
