#include "tests/support/bytes.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>

namespace megaseal::test {

namespace {

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw std::invalid_argument("not a hex digit");
}

uint64_t process_seed() {
  static const uint64_t seed = [] {
    const char* given = std::getenv("MEGASEAL_TEST_SEED");
    const uint64_t value = given ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    std::cout << "[   SEED   ] MEGASEAL_TEST_SEED=" << value << std::endl;
    return value;
  }();
  return seed;
}

}  // namespace

Bytes from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) throw std::invalid_argument("an odd number of hex digits");
  Bytes out(hex.size() / 2);
  for (size_t i = 0; i < out.size(); ++i) out[i] = uint8_t(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
  return out;
}

std::string to_hex(std::span<const uint8_t> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const uint8_t b : bytes) {
    out += digits[b >> 4];
    out += digits[b & 15];
  }
  return out;
}

bool all_zero(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
}

Random::Random() : generator_(process_seed()) {}

void Random::fill(std::span<uint8_t> out) {
  size_t i = 0;
  for (; i + 8 <= out.size(); i += 8) {
    const uint64_t word = generator_();
    std::memcpy(&out[i], &word, 8);
  }
  for (; i < out.size(); ++i) out[i] = uint8_t(generator_());
}

Bytes Random::bytes(size_t n) {
  Bytes out(n);
  fill(out);
  return out;
}

}  // namespace megaseal::test
