// The generated comb tables of the base point against libsodium: row w, entry j must be (2j + 1) 2^(bits w) 8 B as
// y + x, y - x and 2 d x y, reduced. The field arithmetic here is schoolbook and shares nothing with the kernels.
#define MEGASEAL_ISA unit_test
#include "edwards25519_base_w4.hpp"
#include "edwards25519_base_w5.hpp"
#include "edwards25519_base_w6.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <array>

#include "tests/support/bytes.hpp"

namespace megaseal::test {
namespace {

/// 256 bits, the lowest word first; below p where it stands for a field element.
using U256 = std::array<uint64_t, 4>;
constexpr U256 p = {0xffffffffffffffed, UINT64_MAX, UINT64_MAX, 0x7fffffffffffffff};
// d = -121665 / 121666 (RFC 8032 §5.1)
constexpr U256 d = {0x75eb4dca135978a3, 0x00700a4d4141d8ab, 0x8cc740797779e898, 0x52036cee2b6ffe73};

bool less(const U256& a, const U256& b) {
  for (int i = 3; i >= 0; --i)
    if (a[size_t(i)] != b[size_t(i)]) return a[size_t(i)] < b[size_t(i)];
  return false;
}
U256 minus(const U256& a, const U256& b) {  // modulo 2^256
  U256 out;
  uint64_t borrow = 0;
  for (size_t i = 0; i < 4; ++i) {
    const unsigned __int128 t = (unsigned __int128)a[i] - b[i] - borrow;
    out[i] = uint64_t(t);
    borrow = uint64_t(t >> 64) & 1;
  }
  return out;
}
U256 add(const U256& a, const U256& b) {  // a, b < p
  U256 out;
  unsigned __int128 carry = 0;
  for (size_t i = 0; i < 4; ++i) {
    carry += (unsigned __int128)a[i] + b[i];
    out[i] = uint64_t(carry);
    carry >>= 64;
  }
  return less(out, p) ? out : minus(out, p);
}
U256 sub(const U256& a, const U256& b) { return less(a, b) ? minus(p, minus(b, a)) : minus(a, b); }
U256 mul(const U256& a, const U256& b) {  // by doubling and adding
  U256 out = {};
  for (int bit = 255; bit >= 0; --bit) {
    out = add(out, out);
    if (b[size_t(bit) / 64] >> (bit % 64) & 1) out = add(out, a);
  }
  return out;
}
U256 half(const U256& a) {  // a / 2 mod p
  static constexpr U256 inverse_of_two = {0xfffffffffffffff7, UINT64_MAX, UINT64_MAX, 0x3fffffffffffffff};
  return mul(a, inverse_of_two);
}

Bytes encode(const U256& x, const U256& y) {
  Bytes out(32);
  for (size_t i = 0; i < 32; ++i) out[i] = uint8_t(y[i / 8] >> (8 * (i % 8)));
  out[31] |= uint8_t((x[0] & 1) << 7);
  return out;
}

/// (2j + 1) 2^shift 8 B, as libsodium computes it.
Bytes multiple(unsigned j, unsigned shift) {
  Bytes wide(64), scalar(32), point(32);
  const uint64_t odd = (2 * uint64_t(j) + 1) * 8;
  for (unsigned bit = 0; bit < 64 && odd >> bit; ++bit)
    if (odd >> bit & 1) wide[(bit + shift) / 8] |= uint8_t(1u << ((bit + shift) % 8));
  crypto_core_ed25519_scalar_reduce(scalar.data(), wide.data());
  EXPECT_EQ(crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data()), 0);
  return point;
}

template <size_t Rows, size_t Entries>
void check(const unit_test::u64 (&table)[Rows][Entries][3][4], unsigned bits) {
  ASSERT_GE(Rows * bits, 254u);
  ASSERT_EQ(Entries, size_t(1) << (bits - 1));
  U256 one = {1, 0, 0, 0};
  for (unsigned w = 0; w < Rows; ++w) {
    for (unsigned j = 0; j < Entries; ++j) {
      SCOPED_TRACE("row " + std::to_string(w) + ", entry " + std::to_string(j));
      U256 field[3];
      for (size_t k = 0; k < 3; ++k) {
        std::copy_n(table[w][j][k], 4, field[k].begin());
        ASSERT_TRUE(less(field[k], p)) << "not reduced";
      }
      const U256 x = half(sub(field[0], field[1])), y = half(add(field[0], field[1]));
      ASSERT_EQ(to_hex(encode(x, y)), to_hex(multiple(j, bits * w)));
      const U256 dxy = mul(mul(x, y), d);
      ASSERT_EQ(field[2], add(dxy, dxy));
      // -x² + y² = 1 + d x² y²: with the sign of x in the encoding this settles x itself.
      ASSERT_EQ(sub(mul(y, y), mul(x, x)), add(one, mul(dxy, mul(x, y))));
    }
  }
}

TEST(BaseTable, FourBits) { check(unit_test::edwards25519_base_w4, 4); }
TEST(BaseTable, FiveBits) { check(unit_test::edwards25519_base_w5, 5); }
TEST(BaseTable, SixBits) { check(unit_test::edwards25519_base_w6, 6); }

}  // namespace
}  // namespace megaseal::test
