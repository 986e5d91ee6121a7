#include "engine/cli/base64.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace megaseal::cli {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint32_t kInvalid = 1U << 31;  // above the 24 bits of a group, so that one test at the end finds it

// Two characters for each twelve bits: half the look-ups, and 8 KiB still sit in the first-level cache.
constexpr auto kPairs = [] {
  std::array<char, 2 * 4096> pairs{};
  for (size_t i = 0; i < 4096; ++i) {
    pairs[2 * i] = kAlphabet[i >> 6];
    pairs[2 * i + 1] = kAlphabet[i & 63];
  }
  return pairs;
}();

// What the first to fourth character of a group add to its 24 bits: with a table for each, nothing is left to shift.
constexpr auto kValues = [] {
  std::array<std::array<uint32_t, 256>, 4> values{};
  for (auto& table : values) table.fill(kInvalid);
  for (uint32_t i = 0; i < 64; ++i)
    for (uint32_t at = 0; at < 4; ++at) values[at][static_cast<uint8_t>(kAlphabet[i])] = i << (18 - 6 * at);
  return values;
}();

template <size_t kAt>
uint32_t value_of(char c) {
  return kValues[kAt][static_cast<uint8_t>(c)];
}
uint32_t group_of(const char* in) {
  return value_of<0>(in[0]) | value_of<1>(in[1]) | value_of<2>(in[2]) | value_of<3>(in[3]);
}

}  // namespace

char* base64_encode(char* out, const uint8_t* in, size_t len) {
  for (; len >= 8; len -= 6, in += 6, out += 8) {  // two groups at a time, of which eight bytes are read
    uint64_t bytes = 0;
    std::memcpy(&bytes, in, sizeof bytes);
    if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
    for (int i = 0; i < 4; ++i) std::memcpy(out + 2 * i, &kPairs[2 * (bytes >> (52 - 12 * i) & 4095)], 2);
  }
  for (; len >= 3; len -= 3, in += 3, out += 4) {
    const uint32_t group = uint32_t{in[0]} << 16 | uint32_t{in[1]} << 8 | in[2];
    std::memcpy(out, &kPairs[2 * (group >> 12)], 2);
    std::memcpy(out + 2, &kPairs[2 * (group & 4095)], 2);
  }
  if (len == 0) return out;
  const uint32_t group = uint32_t{in[0]} << 16 | (len == 2 ? uint32_t{in[1]} << 8 : 0);
  out[0] = kAlphabet[group >> 18];
  out[1] = kAlphabet[group >> 12 & 63];
  out[2] = len == 2 ? kAlphabet[group >> 6 & 63] : '=';
  out[3] = '=';
  return out + 4;
}

bool base64_decode(uint8_t* out, size_t& out_len, std::string_view text) {
  if (text.size() % 4 == 0) {
    if (text.ends_with('=')) text.remove_suffix(1);
    if (text.ends_with('=')) text.remove_suffix(1);
  }
  const size_t rest = text.size() % 4;
  if (rest == 1) return false;
  uint8_t* const begin = out;
  const char* in = text.data();
  const char* const end = in + (text.size() - rest);
  uint32_t seen = 0;  // any invalid character leaves its mark here
  // Two groups at a time while there is room for the two bytes that eight at a time write too many.
  for (; end - in >= 12; in += 8, out += 6) {
    const uint32_t first = group_of(in), second = group_of(in + 4);
    seen |= first | second;
    uint64_t bytes = uint64_t{first} << 40 | uint64_t{second & 0xffffffU} << 16;
    if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
    std::memcpy(out, &bytes, sizeof bytes);
  }
  for (; in != end; in += 4, out += 3) {
    const uint32_t group = group_of(in);
    seen |= group;
    out[0] = static_cast<uint8_t>(group >> 16);
    out[1] = static_cast<uint8_t>(group >> 8);
    out[2] = static_cast<uint8_t>(group);
  }
  if (rest != 0) {
    const uint32_t group = value_of<0>(in[0]) | value_of<1>(in[1]) | (rest == 3 ? value_of<2>(in[2]) : 0);
    seen |= group;
    *out++ = static_cast<uint8_t>(group >> 16);
    if (rest == 3) *out++ = static_cast<uint8_t>(group >> 8);
    if ((group & (rest == 3 ? 0xffU : 0xffffU)) != 0) return false;
  }
  out_len = static_cast<size_t>(out - begin);
  return (seen & kInvalid) == 0;
}

}  // namespace megaseal::cli
