// Memory whose first or last byte touches a page that traps every access.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <span>

#include "tests/support/bytes.hpp"

namespace megaseal::test {

enum class Edge { front, back };  // where the buffer touches its inaccessible page

/// `len` bytes between two inaccessible pages, flush with the one named by `edge`.
class GuardedBuffer {
 public:
  GuardedBuffer(size_t len, Edge edge) : len_(len) {
    const size_t page = size_t(sysconf(_SC_PAGESIZE));
    const size_t room = std::max<size_t>(1, (len + page - 1) / page) * page;
    mapped_ = room + 2 * page;
    map_ = static_cast<uint8_t*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (map_ == MAP_FAILED) throw std::bad_alloc();
    if (mprotect(map_, page, PROT_NONE) != 0 || mprotect(map_ + page + room, page, PROT_NONE) != 0)
      throw std::bad_alloc();
    data_ = edge == Edge::front ? map_ + page : map_ + page + room - len;
  }
  GuardedBuffer(const Bytes& bytes, Edge edge) : GuardedBuffer(bytes.size(), edge) {
    std::copy(bytes.begin(), bytes.end(), data_);
  }
  GuardedBuffer(GuardedBuffer&& other) noexcept
      : map_(std::exchange(other.map_, nullptr)), mapped_(other.mapped_), data_(other.data_), len_(other.len_) {}
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;
  ~GuardedBuffer() {
    if (map_) munmap(map_, mapped_);
  }

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return len_; }
  Bytes bytes() const { return {data_, data_ + len_}; }

 private:
  uint8_t* map_ = nullptr;
  size_t mapped_ = 0;
  uint8_t* data_ = nullptr;
  size_t len_ = 0;
};

}  // namespace megaseal::test
