#include "engine/secret_memory.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <utility>

namespace megaseal {
namespace {

size_t page_size() {
  static const size_t size = size_t(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

SecretPages::SecretPages(size_t bytes, On_fork on_fork, Lock lock) {
  const size_t page = page_size();
  size_ = (bytes + page - 1) / page * page;
  void* all = mmap(nullptr, size_ + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<uint8_t*>(all) + page;
  if (mprotect(data_, size_, PROT_READ | PROT_WRITE) != 0) {
    munmap(all, size_ + 2 * page);
    throw std::bad_alloc();
  }
#ifdef MADV_DONTDUMP
  madvise(data_, size_, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
  if (on_fork == On_fork::wipe) madvise(data_, size_, MADV_WIPEONFORK);
#endif
  if (lock == Lock::best_effort &&
      mlock(data_, size_) != 0) { /* over the limit: unlocked memory serves as well */
  }
}

SecretPages::SecretPages(SecretPages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretPages& SecretPages::operator=(SecretPages&& other) noexcept {
  if (this != &other) {
    free();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretPages::~SecretPages() { free(); }

void SecretPages::free() {
  if (data_ == nullptr) return;
  wipe(data_, size_);
  munmap(data_ - page_size(), size_ + 2 * page_size());
  data_ = nullptr;
}

SecretSlab& SecretSlab::keys() {
  static auto* const slab = new SecretSlab(32);
  static const int registered = pthread_atfork([] { keys().mutex_.lock(); }, [] { keys().mutex_.unlock(); },
                                               [] { keys().mutex_.unlock(); });
  (void)registered;
  return *slab;
}

SecretSlab& SecretSlab::contexts() {
  static auto* const slab = new SecretSlab(96);
  static const int registered =
      pthread_atfork([] { contexts().mutex_.lock(); }, [] { contexts().mutex_.unlock(); },
                     [] { contexts().mutex_.unlock(); });
  (void)registered;
  return *slab;
}

uint8_t* SecretSlab::take() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) {
    SecretPages& page =
        pages_.emplace_back(page_size(), SecretPages::On_fork::keep, SecretPages::Lock::best_effort);
    const size_t slots = page.size() / slot_size_;
    // Room for every slot of every page, so that giving one back never allocates.
    free_.reserve(pages_.size() * slots);
    for (size_t i = 0; i < slots; i++) free_.push_back(page.data() + i * slot_size_);
  }
  uint8_t* slot = free_.back();
  free_.pop_back();
  return slot;
}

void SecretSlab::give_back(uint8_t* slot) {
  wipe(slot, slot_size_);
  std::lock_guard lock(mutex_);
  free_.push_back(slot);
}

}  // namespace megaseal
