// Memory for secrets: wiped when freed, kept out of core dumps, fenced by inaccessible pages.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <vector>

namespace megaseal {

/// Overwrites memory with zeros in a way that no optimiser removes.
inline void wipe(void* p, size_t n) {
  if (n == 0) return;
  std::memset(p, 0, n);
  __asm__ volatile("" : : "r"(p) : "memory");
}

/// Zeros in the vector registers that a function need not preserve, where copies of secrets stay behind: the C library's
/// memcpy takes ones that kernels do not use. They would get into memory when a thread waits, is interrupted by a signal, or
/// first calls a function of another library.
void wipe_vector_registers();

/// Whole pages between two guard pages, excluded from core dumps. Move-only; wiped and unmapped on
/// destruction.
class SecretPages {
 public:
  enum class On_fork { keep, wipe };
  enum class Lock { no, best_effort };

  SecretPages() = default;
  /// Throws std::bad_alloc. Zero-filled. `wipe`: a child sees zeros there (where the kernel can, Linux 4.14
  /// on). `best_effort`: locked in memory where the process's limit allows it.
  SecretPages(size_t bytes, On_fork on_fork, Lock lock);
  SecretPages(SecretPages&& other) noexcept;
  SecretPages& operator=(SecretPages&& other) noexcept;
  ~SecretPages();
  /// Locks them in memory; false where the process's limit does not allow it. Locks are not a child's: fork() drops them.
  bool lock();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void free();
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

/// Hands out slots of one size from shared pages: locked memory is scarce, and a page per key would waste it.
/// Thread-safe, and safe to fork() beside: the child never finds its lock taken by a thread that it does not have.
class SecretSlab {
 public:
  using On_fork = SecretPages::On_fork;
  /// These live as long as the process: fork handlers refer to them.
  static SecretSlab& keys(On_fork on_fork);  // slots of 32 bytes
  static SecretSlab& contexts();             // slots of 96 bytes, wiped on fork
  /// A zeroed slot, aligned to 8 bytes. Throws std::bad_alloc.
  uint8_t* take();
  /// Wipes the slot and takes it back, also one that was taken before a fork.
  void give_back(uint8_t* slot);
  /// Whether `slot` holds what was written there since it was taken: not in a child of the process that took it, unless the
  /// pages are kept; nor, where the kernel wipes on fork, in a child that was made behind the C library's back.
  bool holds(const uint8_t* slot) const;

 private:
  struct All;
  static All& all();
  [[gnu::constructor]] static void register_handlers();
  SecretSlab(size_t slot_size, On_fork on_fork) : slot_size_(slot_size), on_fork_(on_fork) {}
  void lock_pages();
  void begin_in_child();
  /// Behind each slot, and wiped with it: one more than the generation of the process that took it; 0 where nobody has.
  uint64_t& taker(uint8_t* slot) const { return *reinterpret_cast<uint64_t*>(slot + slot_size_); }
  size_t stride() const { return slot_size_ + sizeof(uint64_t); }

  const size_t slot_size_;  // a multiple of 8
  const On_fork on_fork_;
  std::mutex mutex_;
  std::vector<SecretPages> pages_;
  std::vector<uint8_t*> free_;
  uint64_t locked_in_ = 0;  // the generation of the process in which the pages have been locked
};

}  // namespace megaseal
