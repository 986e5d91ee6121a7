// Byte strings for tests: hex, and random bytes whose seed is printed so that a failure can be repeated.
#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace megaseal::test {

using Bytes = std::vector<uint8_t>;

/// Throws std::invalid_argument on anything but pairs of hex digits.
Bytes from_hex(std::string_view hex);
std::string to_hex(std::span<const uint8_t> bytes);

inline Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
inline std::span<const uint8_t> as_span(const void* p, size_t n) { return {static_cast<const uint8_t*>(p), n}; }
bool all_zero(std::span<const uint8_t> bytes);

/// Random test data. The process's seed is drawn once and printed; MEGASEAL_TEST_SEED repeats a run.
class Random {
 public:
  Random();
  explicit Random(uint64_t seed) : generator_(seed) {}
  uint64_t next() { return generator_(); }
  uint64_t below(uint64_t bound) { return generator_() % bound; }
  void fill(std::span<uint8_t> out);
  Bytes bytes(size_t n);

 private:
  std::mt19937_64 generator_;
};

}  // namespace megaseal::test
