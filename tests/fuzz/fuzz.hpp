// What fuzz targets share: bytes taken from the fuzzer's input one use after another, and demands on the results.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>

#include "tests/support/bytes.hpp"
#include "tests/support/handles.hpp"

namespace megaseal::fuzz {

using test::Bytes;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  /// Zeros where the input has ended.
  uint8_t byte() {
    if (left_ == 0) return 0;
    left_--;
    return *data_++;
  }
  uint32_t number() {
    uint32_t n = byte();
    for (int shift = 8; shift < 32; shift += 8) n |= uint32_t(byte()) << shift;
    return n;
  }
  Bytes bytes(size_t n) {
    Bytes out(n);
    for (uint8_t& b : out) b = byte();
    return out;
  }
  Bytes rest() { return bytes(left_); }
  /// More bytes than the fuzzer should have to choose one by one.
  Bytes expanded(size_t n) {
    std::minstd_rand random(byte() + 1);
    Bytes out(n);
    for (uint8_t& b : out) b = uint8_t(random() >> 8);
    return out;
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

inline void demand(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

/// Opens one sealed message: its status, and the plaintext.
template <class Call>
uint8_t open_one(Bytes& out, const Bytes& sealed, const Bytes& aad, megaseal_format format,
                 const Call& call) {
  const uint64_t overhead = megaseal_overhead(format);
  out.assign(sealed.size() < overhead ? 0 : sealed.size() - overhead, 0xd7);
  const void* const in = sealed.data();
  const void* const aads = aad.data();
  void* const to = out.data();
  const uint64_t in_len = sealed.size(), aad_len = aad.size(), capacity = out.size();
  uint8_t status = 0xff;
  megaseal_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = 1;
  batch.in.ptrs = &in, batch.in.lens = &in_len;
  if (!aad.empty()) batch.aad.ptrs = &aads, batch.aad.lens = &aad_len;
  batch.out.ptrs = &to, batch.out.capacities = &capacity;
  batch.out_statuses = &status;
  size_t num_failed = 0;
  demand(call(&num_failed, &batch) == MEGASEAL_ERROR_NONE, "a batch of one was refused");
  demand(num_failed == (status != MEGASEAL_OK), "the count of failures disagrees");
  if (status != MEGASEAL_OK) demand(test::all_zero(out), "a refused message left plaintext");
  return status;
}

/// Alters a sealed message at a place of the fuzzer's choosing, or leaves it.
inline bool alter(Bytes& sealed, Input& input) {
  const uint8_t how = input.byte();
  const size_t at = sealed.empty() ? 0 : input.number() % sealed.size();
  const uint8_t mask = input.byte();
  if (how % 3 == 0 || sealed.empty() || mask == 0) return false;
  if (how % 3 == 1)
    sealed[at] ^= mask;
  else
    sealed.resize(at);
  return true;
}

/// One engine for each backend that runs here.
const std::vector<test::Engine>& engines();

}  // namespace megaseal::fuzz
