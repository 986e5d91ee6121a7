// Whether the kernel empties pages in a child of fork() when it is told to: Linux does from 4.14 on.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

namespace megaseal::test {

inline bool kernel_wipes_on_fork() {
#ifdef MADV_WIPEONFORK
  const size_t len = size_t(sysconf(_SC_PAGESIZE));
  void* const page = mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  const bool does = madvise(page, len, MADV_WIPEONFORK) == 0;
  munmap(page, len);
  return does;
#else
  return false;
#endif
}

}  // namespace megaseal::test
