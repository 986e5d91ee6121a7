// For all keys and all messages: no exact operation of the vector backends' Poly1305 can wrap, in either radix, across
// messages or along one.
#include <gtest/gtest.h>

#define MEGASEAL_ISA proof
#include "interval_word.hpp"
#include "kernels/poly1305_along.hpp"
#include "kernels/poly1305_field26.hpp"
#include "kernels/poly1305_field44.hpp"
#include "kernels/poly1305_lanes.hpp"

namespace megaseal::proof {
namespace {

using Field44 = Poly1305Field44<IntervalWord>;
using Field26 = Poly1305Field26<IntervalWord>;

void expect_proved(long at_least) {
  Ledger& ledger = Ledger::get();
  EXPECT_GT(ledger.checks, at_least);  // the kernels did run over this word
  for (const std::string& f : ledger.failures) ADD_FAILURE() << "not proved: " << f;
  ledger = {};
}

/// The bounds that the fields state for reduced elements, and for a block.
Field44::Elem reduced(Field44*) {
  return {{{0, (u64(1) << 44) - 1}, {0, (u64(1) << 44) + (u64(1) << 12) - 1}, {0, (u64(1) << 42) - 1}}};
}
Field26::Elem reduced(Field26*) {
  const u64 m = (u64(1) << 26) - 1, more = m + (u64(1) << 11);
  return {{{0, m}, {0, more}, {0, m}, {0, m}, {0, more}}};
}
template <class F>
typename F::Elem block() {
  auto e = F::from(IntervalWord::any(), IntervalWord::any());
  F::add_top(e, IntervalWord::splat(F::top_bit));
  return e;
}
template <class F>
void expect_within(const typename F::Elem& e, const typename F::Elem& bound) {
  for (int i = 0; i < F::limbs; i++) EXPECT_LE(e.l[i].hi, bound.l[i].hi) << "limb " << i;
}

template <class F>
struct Poly1305VectorBounds : ::testing::Test {};
using Fields = ::testing::Types<Field44, Field26>;
struct FieldNames {
  template <class F>
  static std::string GetName(int) {
    return std::is_same_v<F, Field44> ? "Radix44" : "Radix26";
  }
};
TYPED_TEST_SUITE(Poly1305VectorBounds, Fields, FieldNames);

// Four blocks by powers, one step of Horner: what goes in reduced comes out reduced, so it holds after any number.
TYPED_TEST(Poly1305VectorBounds, StepsAreAFixedPoint) {
  using F = TypeParam;
  using Lanes = Poly1305Lanes<F, false>;
  const auto h = reduced((F*)nullptr);
  const auto r = F::factor(h);  // powers of r are reduced elements; r itself is smaller
  auto t = F::no_sum();
  for (int k = 0; k < 3; k++) F::mul_add(t, block<F>(), r);
  F::mul_add(t, Lanes::plus(block<F>(), h), r);
  expect_within<F>(F::reduce(t), h);
  expect_within<F>(Lanes::mul(Lanes::plus(block<F>(), h), r), h);
  // Where the additional data's sum joins the text.
  expect_within<F>(Lanes::mul(Lanes::plus(Lanes::plus(block<F>(), h), h), r), h);
  IntervalWord lo, hi;
  F::canonical(lo, hi, h);
  expect_proved(150);
}

// The shipped functions, from jobs to tags: ragged ends, additional data, both constructions, both ways.
TYPED_TEST(Poly1305VectorBounds, Lanes) {
  using F = TypeParam;
  for (const u64 text_len : {0, 1, 64, 150, 256}) {
    for (const u64 aad : {0, 20}) {
      u8 bytes[512] = {}, out[16];
      const u8* p = bytes;
      u8* tag = out;
      const Poly1305Jobs jobs{&text_len, &aad, &p, &p, &p, &tag};
      Poly1305Lanes<F, false>::template run<true, 1>(jobs);
      Poly1305Lanes<F, false>::template run<false, 1>(jobs);
      Poly1305Lanes<F, true>::template run<true, 1>(jobs);
      Poly1305Lanes<F, true>::template run<false, 1>(jobs);
    }
  }
  expect_proved(5'000);
}

TYPED_TEST(Poly1305VectorBounds, Along) {
  using F = TypeParam;
  Poly1305Along<F> along;
  u8 bytes[16 * 15] = {};
  for (const u64 num : {12, 13, 14, 15}) {  // three turns, and what no turn takes
    u64 h0 = ~u64(0), h1 = ~u64(0), h2 = 4;
    EXPECT_EQ(along.blocks(h0, h1, h2, u64(0x0ffffffc0fffffff), u64(0x0ffffffc0ffffffc), bytes, num), num);
    EXPECT_LE(h2, 4u);
  }
  expect_proved(2'000);
}

// Negative controls: a power of r that was never reduced, and a fifth product before a reduction too many.
TEST(Poly1305VectorBounds44, PlantedDefectIsReported) {
  Field44::Elem wide = reduced((Field44*)nullptr);
  wide.l[1].hi = u64(1) << 48;
  auto t = Field44::no_sum();
  Field44::mul_add(t, block<Field44>(), Field44::factor(wide));
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}
TEST(Poly1305VectorBounds26, PlantedDefectIsReported) {
  Field26::Elem wide = reduced((Field26*)nullptr);
  wide.l[1].hi = u64(1) << 30;
  auto t = Field26::no_sum();
  Field26::mul_add(t, block<Field26>(), Field26::factor(wide));
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

}  // namespace
}  // namespace megaseal::proof
