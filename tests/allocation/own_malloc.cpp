#include "tests/allocation/own_malloc.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace megaseal::test::own_malloc {
namespace {

std::atomic<bool> is_counting = false;
std::atomic<size_t> num_requests = 0;
std::atomic<size_t> until_failure = 0;
std::atomic<bool> has_failed = false;
std::atomic<long> num_live = 0;

/// Whether this request is to be met.
[[maybe_unused]] bool request() {
  if (is_counting.load(std::memory_order_relaxed)) num_requests.fetch_add(1, std::memory_order_relaxed);
  if (until_failure.load(std::memory_order_relaxed) == 0 || until_failure.fetch_sub(1) != 1) return true;
  has_failed = true;
  errno = ENOMEM;
  return false;
}
[[maybe_unused]] void* counted_in(void* p) {
  if (p) num_live.fetch_add(1, std::memory_order_relaxed);
  return p;
}

}  // namespace

void count() {
  num_requests = 0;
  is_counting = true;
}
size_t counted() {
  is_counting = false;
  return num_requests;
}
void fail(size_t n) {
  has_failed = false;
  until_failure = n;
}
bool failed() {
  until_failure = 0;
  return has_failed;
}
long live() { return num_live; }

}  // namespace megaseal::test::own_malloc

#if MEGASEAL_OWN_MALLOC
// glibc keeps its own under these names, so that programs may put theirs in front; visible, so that shared libraries
// (operator new is in one) find them too.
#pragma GCC visibility push(default)
extern "C" {
using megaseal::test::own_malloc::counted_in;
using megaseal::test::own_malloc::request;
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
void* malloc(size_t n) { return request() ? counted_in(__libc_malloc(n)) : nullptr; }
void* calloc(size_t n, size_t size) { return request() ? counted_in(__libc_calloc(n, size)) : nullptr; }
void* realloc(void* p, size_t n) {
  if (!request()) return nullptr;
  void* const out = __libc_realloc(p, n);
  if (!p) counted_in(out);
  return out;
}
void free(void* p) {
  if (p) megaseal::test::own_malloc::num_live.fetch_sub(1, std::memory_order_relaxed);
  __libc_free(p);
}
void* memalign(size_t alignment, size_t n) {
  return request() ? counted_in(__libc_memalign(alignment, n)) : nullptr;
}
void* aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }
int posix_memalign(void** out, size_t alignment, size_t n) {
  *out = memalign(alignment, n);
  return *out ? 0 : ENOMEM;
}
void* mmap(void* at, size_t n, int protection, int flags, int fd, off_t offset) noexcept {
  if (!request()) return MAP_FAILED;
  void* const out = reinterpret_cast<void*>(syscall(SYS_mmap, at, n, protection, flags, fd, offset));
  if (out != MAP_FAILED) counted_in(out);
  return out;
}
int munmap(void* at, size_t n) noexcept {
  megaseal::test::own_malloc::num_live.fetch_sub(1, std::memory_order_relaxed);
  return int(syscall(SYS_munmap, at, n));
}
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) noexcept {
  if (!request()) return EAGAIN;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, run, argument);
}
}
#pragma GCC visibility pop
#endif
