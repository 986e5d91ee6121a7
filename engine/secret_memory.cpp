#include "engine/secret_memory.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "backends/fork_generation.hpp"
#include "engine/cpu_features.hpp"

#define MEGASEAL_ISA engine
#include "kernels/wipe_registers.hpp"

namespace megaseal {
namespace {

size_t page_size() {
  static const size_t size = size_t(sysconf(_SC_PAGESIZE));
  return size;
}

#if defined(__x86_64__)
enum class Vectors { sse, avx, avx512 };
Vectors vectors() {
  static const Vectors widest = missing_cpu_features("avx512f").empty() ? Vectors::avx512
                                : missing_cpu_features("avx").empty()   ? Vectors::avx
                                                                        : Vectors::sse;
  return widest;
}
#endif

}  // namespace

void wipe_vector_registers() {
#if defined(__x86_64__)
  switch (vectors()) {
    case Vectors::avx512:  // masks, and those that vzeroall does not know: this file is compiled without either
      __asm__ volatile(
          "kxorw %k0, %k0, %k0\n\tkxorw %k1, %k1, %k1\n\tkxorw %k2, %k2, %k2\n\tkxorw %k3, %k3, %k3\n\t"
          "kxorw %k4, %k4, %k4\n\tkxorw %k5, %k5, %k5\n\tkxorw %k6, %k6, %k6\n\tkxorw %k7, %k7, %k7\n\t"
          "vpxord %zmm16, %zmm16, %zmm16\n\tvpxord %zmm17, %zmm17, %zmm17\n\t"
          "vpxord %zmm18, %zmm18, %zmm18\n\tvpxord %zmm19, %zmm19, %zmm19\n\t"
          "vpxord %zmm20, %zmm20, %zmm20\n\tvpxord %zmm21, %zmm21, %zmm21\n\t"
          "vpxord %zmm22, %zmm22, %zmm22\n\tvpxord %zmm23, %zmm23, %zmm23\n\t"
          "vpxord %zmm24, %zmm24, %zmm24\n\tvpxord %zmm25, %zmm25, %zmm25\n\t"
          "vpxord %zmm26, %zmm26, %zmm26\n\tvpxord %zmm27, %zmm27, %zmm27\n\t"
          "vpxord %zmm28, %zmm28, %zmm28\n\tvpxord %zmm29, %zmm29, %zmm29\n\t"
          "vpxord %zmm30, %zmm30, %zmm30\n\tvpxord %zmm31, %zmm31, %zmm31");
      [[fallthrough]];
    case Vectors::avx:
      __asm__ volatile("vzeroall"
                       :
                       :
                       : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                         "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
      [[fallthrough]];
    case Vectors::sse:  // once more above, for nothing, so that tests run it wherever they run
      engine::wipe_registers();
  }
#elif defined(__aarch64__)
  // The lower halves of v8 to v15 belong to the caller.
  __asm__ volatile(
      "movi v0.2d, #0\n\tmovi v1.2d, #0\n\tmovi v2.2d, #0\n\tmovi v3.2d, #0\n\t"
      "movi v4.2d, #0\n\tmovi v5.2d, #0\n\tmovi v6.2d, #0\n\tmovi v7.2d, #0\n\t"
      "movi v16.2d, #0\n\tmovi v17.2d, #0\n\tmovi v18.2d, #0\n\tmovi v19.2d, #0\n\t"
      "movi v20.2d, #0\n\tmovi v21.2d, #0\n\tmovi v22.2d, #0\n\tmovi v23.2d, #0\n\t"
      "movi v24.2d, #0\n\tmovi v25.2d, #0\n\tmovi v26.2d, #0\n\tmovi v27.2d, #0\n\t"
      "movi v28.2d, #0\n\tmovi v29.2d, #0\n\tmovi v30.2d, #0\n\tmovi v31.2d, #0"
      :
      :
      : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21", "v22",
        "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
#endif
}

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
  if (lock == Lock::best_effort) this->lock();  // over the limit unlocked memory serves as well
}

bool SecretPages::lock() { return mlock(data_, size_) == 0; }

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

struct SecretSlab::All {
  SecretSlab keys{32, On_fork::wipe}, inheritable_keys{32, On_fork::keep}, contexts{96, On_fork::wipe};

  template <class Do>
  void each(const Do& act) {
    for (SecretSlab* slab : {&keys, &inheritable_keys, &contexts}) act(*slab);
  }
};

SecretSlab::All& SecretSlab::all() {
  static All* const slabs = new All;
  return *slabs;
}

void SecretSlab::register_handlers() {
  (void)all();
  // Before there are threads, in whose midst a fork could leave one of these half made.
  (void)page_size();
#if defined(__x86_64__)
  (void)vectors();
#endif
  pthread_atfork([] { all().each([](SecretSlab& slab) { slab.mutex_.lock(); }); },
                 [] { all().each([](SecretSlab& slab) { slab.mutex_.unlock(); }); },
                 [] { all().each([](SecretSlab& slab) { slab.begin_in_child(); }); });
}

SecretSlab& SecretSlab::keys(On_fork on_fork) {
  return on_fork == On_fork::wipe ? all().keys : all().inheritable_keys;
}
SecretSlab& SecretSlab::contexts() { return all().contexts; }

void SecretSlab::lock_pages() {
  for (SecretPages& pages : pages_)
    if (!pages.lock()) return;
}

void SecretSlab::begin_in_child() {
  // Wiped pages are locked when something secret is to come into them again: most children just run another program.
  if (on_fork_ == On_fork::keep) lock_pages();
  mutex_.unlock();
}

uint8_t* SecretSlab::take() {
  const uint64_t generation = fork_generation();
  std::lock_guard lock(mutex_);
  if (locked_in_ != generation) {
    lock_pages();
    locked_in_ = generation;
  }
  if (free_.empty()) {
    const size_t slots = page_size() / stride();
    // Room for every slot of every page, so that giving one back never allocates. Before the page comes: without its slots
    // to give it would be lost.
    free_.reserve((pages_.size() + 1) * slots);
    const SecretPages& page = pages_.emplace_back(page_size(), on_fork_, SecretPages::Lock::best_effort);
    for (size_t i = 0; i < slots; i++) free_.push_back(page.data() + i * stride());
  }
  uint8_t* slot = free_.back();
  free_.pop_back();
  taker(slot) = generation + 1;
  return slot;
}

void SecretSlab::give_back(uint8_t* slot) {
  wipe(slot, stride());
  std::lock_guard lock(mutex_);
  free_.push_back(slot);
}

bool SecretSlab::holds(const uint8_t* slot) const {
  return on_fork_ == On_fork::keep || taker(const_cast<uint8_t*>(slot)) == fork_generation() + 1;
}

}  // namespace megaseal
