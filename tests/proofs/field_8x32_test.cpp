// GF(2^255 - 19) in full limbs, whose bounds are those of whole numbers: every operation at the edges of what it may be
// given, and beside them, against exact computation. The same code runs on the device, but for W32::Carries. That no number
// loses a carry is shown in field_8x32_bounds_test.cpp.
#define MEGASEAL_ISA prove_field_8x32
#include "kernels/field_8x32.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "backends/cuda/word.hpp"
#include "tests/proofs/exact.hpp"

MEGASEAL_KERNELS_BEGIN

using F = Field8x32<W32>;
using Elem = F::Elem;

const Exact p = Exact::p25519(), full = Exact::power(256), tight = Exact::power(255) + Exact::power(23);

Elem limbs_of(const Exact& x) {
  Elem e;
  for (int i = 0; i < 8; i++) e.l[i] = u32(x.w[i / 2] >> (32 * (i % 2)));
  return e;
}
Exact value_of(const Elem& e) {
  Exact x;
  for (int i = 0; i < 8; i++) x.w[i / 2] |= u64(e.l[i]) << (32 * (i % 2));
  return x;
}
/// a b mod p, four bits at a time.
Exact product(const Exact& a, const Exact& b) {
  const Exact reduced = a.mod(p);
  Exact r;
  for (int i = 63; i >= 0; i--) r = (r.shl(4) + reduced * (b.w[i / 16] >> (4 * (i % 16)) & 15)).mod(p);
  return r;
}
bool congruent(const Elem& e, const Exact& x) { return value_of(e).mod(p) == x.mod(p); }

/// Numbers below 2^256 about every bound: of the representatives of 0, of tight numbers, of limbs.
std::vector<Exact> edges() {
  std::vector<Exact> out;
  const auto around = [&](const Exact& x, u64 reach) {
    for (u64 k = 0; k <= reach; k++) {
      if (x + Exact::of(k) < full) out.push_back(x + Exact::of(k));
      if (k && !(x < Exact::of(k))) out.push_back(x - Exact::of(k));
    }
  };
  around(Exact::of(0), 40);
  around(p, 40);
  around(p + p, 40);
  around(full, 80);
  around(tight, 2);
  around(Exact::power(255) + Exact::of(1501), 2);  // what products are below
  for (int bit = 32; bit < 256; bit += 32) around(Exact::power(bit), 1), around(full - Exact::power(bit), 1);
  return out;
}
/// Numbers of limbs that are 0, 1, and the largest.
std::vector<Exact> limb_patterns() {
  std::vector<Exact> out;
  std::mt19937 random(1);
  for (int i = 0; i < 150; i++) {
    Elem e;
    for (u32& l : e.l) {
      const u32 few[6] = {0, 0, 1, ~u32(0), ~u32(0), ~u32(1)};
      l = i < 100 ? few[random() % 6] : u32(random());
    }
    out.push_back(value_of(e));
  }
  return out;
}
std::vector<Exact> numbers() {
  std::vector<Exact> out = edges();
  for (const Exact& x : limb_patterns()) out.push_back(x);
  return out;
}

TEST(CudaField, FreezeAndIsZero) {
  for (const Exact& x : numbers()) {
    const Elem e = limbs_of(x);
    ASSERT_TRUE(value_of(F::freeze(e)) == x.mod(p));
    ASSERT_EQ(F::is_zero(e).m, x.mod(p) == Exact::of(0) ? ~u32(0) : 0);
  }
}

TEST(CudaField, PointsAreReadModuloTwoToThe255) {
  for (const Exact& x : numbers()) {
    u32 limbs[8];
    const Elem e = limbs_of(x);
    std::copy(e.l, e.l + 8, limbs);
    const Exact expected = x < Exact::power(255) ? x : x - Exact::power(255);
    ASSERT_TRUE(value_of(F::from_limbs(limbs)) == expected);
  }
}

// Any number and a tight one.
TEST(CudaField, SumsAndDifferences) {
  const std::vector<Exact> all = numbers();
  for (const Exact& a : all) {
    for (const Exact& b : all) {
      if (!(b < tight)) continue;
      const Elem x = limbs_of(a), y = limbs_of(b);
      ASSERT_TRUE(congruent(F::add(x, y), a + b));
      ASSERT_TRUE(congruent(F::sub(x, y), a + p * 4 - b));
    }
  }
}

TEST(CudaField, Products) {
  const std::vector<Exact> all = numbers();
  for (size_t i = 0; i < all.size(); i++) {
    const Elem x = limbs_of(all[i]), square = F::sqr(x);
    ASSERT_TRUE(value_of(square) < tight);
    ASSERT_TRUE(congruent(square, product(all[i], all[i])));
    for (size_t j = 0; j <= i; j++) {
      const Elem y = limbs_of(all[j]), xy = F::mul(x, y), yx = F::mul(y, x);
      ASSERT_TRUE(value_of(xy) < tight);
      ASSERT_TRUE(value_of(yx) < tight);
      const Exact expected = product(all[i], all[j]);
      ASSERT_TRUE(congruent(xy, expected));
      ASSERT_TRUE(congruent(yx, expected));
    }
  }
}

TEST(CudaField, SmallMultiples) {
  const std::vector<Exact> all = numbers();
  for (const Exact& a : all) {
    for (const Exact& e : all) {
      const Elem x = limbs_of(a), y = limbs_of(e);
      const Elem ladder = F::add_mul_small<121665>(x, y), largest = F::add_mul_small<(1 << 17) - 1>(x, y);
      ASSERT_TRUE(value_of(ladder) < tight);
      ASSERT_TRUE(value_of(largest) < tight);
      const Exact reduced = e.mod(p);
      ASSERT_TRUE(congruent(ladder, a + product(reduced, Exact::of(121665))));
      ASSERT_TRUE(congruent(largest, a + product(reduced, Exact::of((1 << 17) - 1))));
    }
  }
}

TEST(CudaField, Selection) {
  const Elem a = limbs_of(p), b = limbs_of(full - Exact::of(1));
  EXPECT_TRUE(value_of(F::select(W32::Mask{0}, a, b)) == p);
  EXPECT_TRUE(value_of(F::select(W32::Mask{~u32(0)}, a, b)) == full - Exact::of(1));
}

MEGASEAL_KERNELS_END
