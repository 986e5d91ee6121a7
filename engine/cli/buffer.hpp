// Memory for blocks of records.
#pragma once
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace megaseal::cli {

/// Memory that grows, and is not filled with zeros which the next read overwrites.
class Buffer {
 public:
  char* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  /// Room for `size` bytes, the first `keep` of which stay. Throws std::bad_alloc.
  void grow(size_t size, size_t keep) {
    if (size <= size_) return;
    auto* const bytes = static_cast<char*>(std::malloc(size));
    if (bytes == nullptr) throw std::bad_alloc();
    if (keep != 0) std::memcpy(bytes, bytes_.get(), keep);
    bytes_.reset(bytes);
    size_ = size;
  }
  void release() {
    bytes_.reset();
    size_ = 0;
  }

 private:
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<char[], Free> bytes_;
  size_t size_ = 0;
};

}  // namespace megaseal::cli
