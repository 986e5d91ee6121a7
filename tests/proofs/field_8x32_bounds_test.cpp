// GF(2^255 - 19) in full limbs (kernels/field_8x32.hpp), for all numbers: no carry is lost, and products are tight. Limbs
// take every value, so what is to be shown is of whole numbers: each chain of carries that drops its last one drops a 0.
//
// 1. Up to where products are folded, each array of columns is a sum of products of limbs. What a chain begins with and
//    leaves is such a sum divided by a power of 2^32 and rounded down, as long as nothing was lost before. That grows with
//    every limb. So where nothing is lost from factors of 2^256 - 1, nothing is lost from any; additions that are no chain
//    included, because the results would be others.
// 2. Folding: the lower halves may be anything, and so may what is multiplied by 38. What comes of them grows with them:
//    the run goes on from there with all limbs at their largest, and does so again where bits 255 and above come back.
// 3. Sums: if a + b is 2^256 or more, what is left of it grows with both; if a - b is below 0, what stands there is least
//    for the least a and the greatest b. So the ends show all.
// 4. freeze(): its sums grow with the number. They stay below 2^256, and q is as in freeze_test.cpp, step 2.
//
// That each product goes to its column is field_8x32_test.cpp's; who is given a number that is not tight,
// field_8x32_use_test.cpp's.
#define MEGASEAL_ISA prove_field_8x32_bounds
#include "kernels/field_8x32.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "backends/cuda/word.hpp"
#include "tests/proofs/exact.hpp"
#include "tests/proofs/interval_word.hpp"

MEGASEAL_KERNELS_BEGIN

/// The host's carries; those that are dropped are looked at.
struct Checked : Carries32 {
  /// Set while a product's upper halves are summed, where the last carry is dropped.
  static inline bool is_product = false;

  template <int N>
  static void add_row(u32* r, const u32* a, u32 b) {
    u32 sum[2 * N + 1];
    std::copy(r, r + 2 * N, sum);
    Carries32::add_row_carry<N>(sum, a, b);
    need(sum[2 * N] == 0, "a row leaves no carry");
    std::copy(sum, sum + 2 * N, r);
  }
  static void add_squares(u32* r, const u32* a) {
    u32 before[16];
    std::copy(r, r + 16, before);
    Carries32::add_squares(r, a);
    // Squares are below 2^512: with a carry, less is left than there was.
    const bool less = std::lexicographical_compare(std::reverse_iterator(r + 16), std::reverse_iterator(r),
                                                   std::rbegin(before), std::rend(before));
    need(!less, "squares leave no carry");
  }
  template <int N>
  static u32 add(u32* r, const u32* a, const u32* b) {
    const u32 carry = Carries32::add<N>(r, a, b);
    if (N == 8 && is_product) need(carry == 0, "upper halves leave no carry");
    return carry;
  }
  static void add_small(u32* r, u32 x) {
    const u32 top = r[7];
    Carries32::add_small(r, x);
    need(r[7] >= top, "a small number leaves no carry");
  }
  static void sub_small(u32* r, u32 x) {
    const u32 top = r[7];
    Carries32::sub_small(r, x);
    need(r[7] <= top, "a small number leaves nothing below 0");
  }
};
/// The same, going on with the largest limbs that there can be (2).
struct Largest : Checked {
  static void fill(const u32* from, int num) { std::fill_n(const_cast<u32*>(from), num, ~u32(0)); }

  template <int N>
  static u32 add(u32* r, const u32* a, const u32* b) {
    const u32 carry = Checked::add<N>(r, a, b);
    if (N == 8) fill(a - 8, 8), fill(b - 8, 8), fill(r, 8);
    return carry;
  }
  static void add_squares(u32* r, const u32* a) {
    Checked::add_squares(r, a);
    fill(r, 16);
  }
  static void add_small(u32* r, u32 x) {
    fill(r, 7), r[7] = ~u32(0) >> 1;
    x += 19;  // the lowest bit of q comes from what was replaced
    need(x < 1 << 23, "19 q < 2^23");
    Checked::add_small(r, x);
  }
};

template <class C>
struct WordWith : W32 {
  using Carries = C;
};
template <class C>
struct FieldWith : Field8x32<WordWith<C>> {
  using Base = Field8x32<WordWith<C>>;
  using typename Base::Elem;
  static Elem mul(const Elem& a, const Elem& b) {
    Checked::is_product = true;
    const Elem r = Base::mul(a, b);
    Checked::is_product = false;
    return r;
  }
};
using F = FieldWith<Checked>;
using Folded = FieldWith<Largest>;

const Exact p = Exact::p25519(), full = Exact::power(256), tight = Exact::power(255) + Exact::power(23);
constexpr u64 largest_small = (1 << 17) - 1;

template <class Field = F>
typename Field::Elem limbs_of(const Exact& x) {
  typename Field::Elem e;
  for (int i = 0; i < 8; i++) e.l[i] = u32(x.w[i / 2] >> (32 * (i % 2)));
  return e;
}
template <class Elem>
Exact value_of(const Elem& e) {
  Exact x;
  for (int i = 0; i < 8; i++) x.w[i / 2] |= u64(e.l[i]) << (32 * (i % 2));
  return x;
}
const Exact greatest = full - Exact::of(1), greatest_tight = tight - Exact::of(1);

void expect_proved(long at_least) {
  EXPECT_GE(Ledger::get().checks, at_least);
  for (const std::string& f : Ledger::get().failures) ADD_FAILURE() << "not proved: " << f;
  Ledger::get() = {};
}
void expect_reported(const char* what) {
  EXPECT_EQ(Ledger::get().failures, std::vector<std::string>(1, what));
  Ledger::get() = {};
}

// 2^256 - 1 is 37 modulo p.
TEST(CudaFieldBounds, ProductsOfTheLargestNumbers) {
  const auto x = limbs_of(greatest);
  EXPECT_TRUE(value_of(F::mul(x, x)).mod(p) == Exact::of(37 * 37));
  EXPECT_TRUE(value_of(F::sqr(x)).mod(p) == Exact::of(37 * 37));
  EXPECT_TRUE(value_of(F::add_mul_small<largest_small>(x, x)).mod(p) == Exact::of(37 + 37 * largest_small));
  expect_proved(15);
}

TEST(CudaFieldBounds, FoldingTheLargestLimbs) {
  const auto x = limbs_of<Folded>(greatest);
  EXPECT_TRUE(value_of(Folded::mul(x, x)) < tight);
  EXPECT_TRUE(value_of(Folded::sqr(x)) < tight);
  EXPECT_TRUE(value_of(Folded::add_mul_small<largest_small>(x, x)) < tight);
  expect_proved(15);
}

TEST(CudaFieldBounds, SumsAndDifferencesAtTheirEnds) {
  const auto any = limbs_of(greatest), small = limbs_of(greatest_tight);
  EXPECT_TRUE(value_of(F::add(any, small)) == greatest + greatest_tight - full + Exact::of(38));
  EXPECT_TRUE(value_of(F::add(small, any)) == greatest + greatest_tight - full + Exact::of(38));
  EXPECT_TRUE(value_of(F::sub(F::small(0), small)) == full - greatest_tight - Exact::of(38));
  expect_proved(3);
}

TEST(CudaFieldBounds, FreezingTheLargestNumber) {
  EXPECT_TRUE(value_of(F::freeze(limbs_of(greatest))) == Exact::of(37));
  expect_proved(3);
}

// Negative controls: numbers that are not tight where one has to be, a carry that is no carry where a row reaches no
// further, and columns above 2^256 that are too many.
struct TooMuch : Checked {
  template <int N>
  static void add_row_carry(u32* r, const u32* a, u32 b) {
    Carries32::add_row_carry<N>(r, a, b);
    r[2 * N] = ~u32(0);
  }
};
struct TooMuchAbove : Largest {
  template <int N>
  static void add_row_carry(u32* r, const u32* a, u32 b) {
    Carries32::add_row_carry<N>(r, a, b);
    if (b == u32(largest_small)) r[2 * N] = 1 << 18;
  }
};
TEST(CudaFieldBounds, PlantedDefectsAreReported) {
  const auto any = limbs_of(greatest);
  F::add(any, any);
  expect_reported("a small number leaves no carry");
  F::sub(F::small(0), any);
  expect_reported("a small number leaves nothing below 0");
  u32 row[8];
  std::fill_n(row, 8, ~u32(0));
  Checked::add_row<4>(row, any.l, 1);
  expect_reported("a row leaves no carry");
  const auto x = limbs_of<FieldWith<TooMuch>>(greatest);
  FieldWith<TooMuch>::mul(x, x);
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
  u32 columns[16];
  std::fill_n(columns, 16, ~u32(0));
  Checked::add_squares(columns, any.l);
  expect_reported("squares leave no carry");
  const auto y = limbs_of<FieldWith<TooMuchAbove>>(greatest);
  FieldWith<TooMuchAbove>::add_mul_small<largest_small>(y, y);
  expect_reported("19 q < 2^23");
}

MEGASEAL_KERNELS_END
