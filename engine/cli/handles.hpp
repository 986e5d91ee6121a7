// Owners for the C ABI's handles, and calls that throw instead of returning an error.
#pragma once
#include <sodium.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "engine/cli/failure.hpp"
#include "megaseal/megaseal.h"

namespace megaseal::cli {

template <auto release>
struct Releaser {
  template <class T>
  void operator()(T* handle) const {
    release(handle);
  }
};

using Engine = std::unique_ptr<megaseal_engine, Releaser<megaseal_engine_destroy>>;
using Recipient = std::unique_ptr<megaseal_recipient, Releaser<megaseal_recipient_release>>;
using SecretKey = std::unique_ptr<megaseal_secret_key, Releaser<megaseal_secret_key_release>>;
using PublicKey = std::array<uint8_t, MEGASEAL_KEY_LEN>;

struct PublicKeyHash {
  size_t operator()(const PublicKey& key) const {
    size_t hash = 0;  // public keys are as good as random already
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
  }
};

/// Throws unless `error` is none.
inline void check(megaseal_error error, const char* what) {
  if (error != MEGASEAL_ERROR_NONE) fail("{}: {}", what, megaseal_error_string(error));
}

/// Wipes memory before giving it back, so that a vector which grows leaves no copy behind.
template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U>
  explicit WipingAllocator(const WipingAllocator<U>&) {}
  T* allocate(size_t n) { return std::allocator<T>().allocate(n); }
  void deallocate(T* p, size_t n) {
    sodium_memzero(p, n * sizeof(T));
    std::allocator<T>().deallocate(p, n);
  }
  bool operator==(const WipingAllocator&) const { return true; }
};

/// Bytes that are wiped after use: contents of key files, pre-shared keys.
using SecretBytes = std::vector<char, WipingAllocator<char>>;

}  // namespace megaseal::cli
