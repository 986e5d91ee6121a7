// Safegcd25519, the portable backend's inversion, against the power z^(p-2) and by a * 1/a = 1.
#include <gtest/gtest.h>

#include <random>

#define MEGASEAL_ISA unit_test
#include "backends/scalar/word64.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/safegcd.hpp"

namespace megaseal::unit_test {
namespace {

using Field = Field5x51<W64>;
using Ops = FieldOps<Field>;
using Elem = Field::Elem;

Elem from_words(const u64 (&w)[4]) {
  const W64 words[4] = {{w[0]}, {w[1]}, {w[2]}, {w[3]}};
  return Field::from_words(words);
}

/// Compares for the value z mod p; words of 2^255 or more lose bit 255.
void expect_inverse(const u64 (&z)[4]) {
  const Elem e = Field::freeze(from_words(z));
  W64 words[4], expected[4], product[4], inverse_words[4];
  Field::to_words(words, e);
  u64 w[4] = {words[0].v, words[1].v, words[2].v, words[3].v};
  Safegcd25519<>::invert(w);
  EXPECT_EQ(w[3] >> 63, 0u);
  const Elem inverse = from_words(w);
  Field::to_words(inverse_words, inverse);
  Field::to_words(expected, Ops::invert(e));
  Field::to_words(product, Ops::mul(e, inverse));
  const bool zero = (words[0].v | words[1].v | words[2].v | words[3].v) == 0;
  for (int i = 0; i < 4; i++) {
    EXPECT_EQ(inverse_words[i].v, expected[i].v)
        << std::hex << z[3] << ' ' << z[2] << ' ' << z[1] << ' ' << z[0];
    EXPECT_EQ(product[i].v, i == 0 && !zero ? 1u : 0u);
  }
}

/// base + offset modulo 2^256
void expect_inverse_near(const u64 (&base)[4], int offset) {
  u64 w[4];
  u64 carry = u64(int64_t(offset));
  const u64 sign = offset < 0 ? ~u64(0) : 0;
  for (int i = 0; i < 4; i++) {
    const unsigned __int128 sum = (unsigned __int128)base[i] + carry + (i ? sign : 0);
    w[i] = u64(sum);
    carry = u64(sum >> 64);
  }
  expect_inverse(w);
}

TEST(Inversion, OfZeroIsZero) {
  u64 w[4] = {0, 0, 0, 0};
  Safegcd25519<>::invert(w);
  EXPECT_TRUE(Field::is_zero(from_words(w)).m);
}

TEST(Inversion, OfSmallNumbersAndTheirNegatives) {
  const u64 zero[4] = {0, 0, 0, 0}, p[4] = {~u64(18), ~u64(0), ~u64(0), ~u64(0) >> 1};
  for (int i = 0; i < 1000; i++) {
    expect_inverse_near(zero, i);
    expect_inverse_near(p, -i);
    if (i < 19) expect_inverse_near(p, i);
  }
}

TEST(Inversion, AroundPowersOfTwo) {
  for (int bit = 0; bit < 255; bit++) {
    u64 w[4] = {0, 0, 0, 0};
    w[bit / 64] = u64(1) << (bit % 64);
    for (int offset = -20; offset <= 20; offset++) expect_inverse_near(w, offset);
  }
}

TEST(Inversion, OfRandomNumbersDenseAndSparse) {
  std::mt19937_64 random(25519);
  for (int i = 0; i < 20000; i++) {
    u64 w[4];
    for (u64& x : w) {
      x = random();
      if (i % 4 == 1) x &= random() & random() & random();
      if (i % 4 == 2) x |= random() | random() | random();
      if (i % 4 == 3) x = x % 3 == 0 ? 0 : x % 3 == 1 ? ~u64(0) : x;
    }
    expect_inverse(w);
  }
}

}  // namespace
}  // namespace megaseal::unit_test
