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

// As the backends have them: avx512ifma's, avx512's, and avx2's, whose sixteen registers make the loops others.
using Field44 = Poly1305Field44<IntervalWord>;
using Field26 = Poly1305Field26<IntervalWord>;
using Avx2Field26 = Poly1305Field26<IntervalLanes<1, 16>>;

void expect_proved(long at_least) {
  Ledger& ledger = Ledger::get();
  EXPECT_GT(ledger.checks, at_least);  // the kernels did run over this word
  for (const std::string& f : ledger.failures) ADD_FAILURE() << "not proved: " << f;
  ledger = {};
}

/// The bounds that the fields state for reduced elements, and for a block.
template <class W>
typename Poly1305Field44<W>::Elem reduced(Poly1305Field44<W>*) {
  return {{{0, (u64(1) << 44) - 1}, {0, (u64(1) << 44) + (u64(1) << 12) - 1}, {0, (u64(1) << 42) - 1}}};
}
template <class W>
typename Poly1305Field26<W>::Elem reduced(Poly1305Field26<W>*) {
  const u64 m = (u64(1) << 26) - 1, more = m + (u64(1) << 11);
  return {{{0, m}, {0, more}, {0, m}, {0, m}, {0, more}}};
}
template <class F>
typename F::Elem block() {
  using W = typename F::Word;
  auto e = F::from(W::any(), W::any());
  F::add_top(e, W::splat(F::top_bit));
  return e;
}
template <class F>
void expect_within(const typename F::Elem& e, const typename F::Elem& bound) {
  for (int i = 0; i < F::limbs; i++) EXPECT_LE(e.l[i].hi, bound.l[i].hi) << "limb " << i;
}

template <class F>
struct Poly1305VectorBounds : ::testing::Test {};
using Fields = ::testing::Types<Field44, Field26, Avx2Field26>;
struct FieldNames {
  template <class F>
  static std::string GetName(int) {
    return std::is_same_v<F, Field44> ? "Radix44" : std::is_same_v<F, Field26> ? "Radix26" : "Radix26Avx2";
  }
};
TYPED_TEST_SUITE(Poly1305VectorBounds, Fields, FieldNames);

/// The field with as many lanes as the backend has, where it matters.
template <class F>
struct InLanes;
template <>
struct InLanes<Field44> {
  using Field = Poly1305Field44<IntervalLanes<8>>;
};
template <>
struct InLanes<Field26> {
  using Field = Poly1305Field26<IntervalLanes<8>>;
};
template <>
struct InLanes<Avx2Field26> {
  using Field = Poly1305Field26<IntervalLanes<4, 16>>;
};

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
  typename F::Word lo, hi;
  F::canonical(lo, hi, h);
  expect_proved(150);
}

// The loop over whole rows, by as many turns as it takes for its two ends and a turn between them.
template <class F>
typename F::Elem whole_rows(const typename F::Elem& h, const typename F::Elem& power) {
  const u8 bytes[3 * 64] = {};
  const u8* const text = bytes;
  const Poly1305Jobs jobs{
      .len = nullptr, .aad_len = nullptr, .text = &text, .aad = nullptr, .key = nullptr, .tag = nullptr};
  const auto r = F::factor(power);
  const int64_t start = 0;
  auto sum = h;
  Poly1305Lanes<F, false>::whole_rows(sum, jobs, &start, 0, 3 * 4, {r, r, r, r});
  return sum;
}
TYPED_TEST(Poly1305VectorBounds, WholeRowsAreAFixedPoint) {
  using F = TypeParam;
  const auto h = reduced((F*)nullptr);
  expect_within<F>(whole_rows<F>(h, h), h);
  expect_proved(150);
}

// The shipped functions, from jobs to tags: ragged ends, additional data, both constructions, both ways; one group of
// lanes, and two and four side by side, whose lengths differ.
template <class F, bool kBox>
void run_lanes(const Poly1305Jobs& jobs) {
  Poly1305Lanes<F, kBox>::template run<true, 1>(jobs);
  Poly1305Lanes<F, kBox>::template run<false, 1>(jobs);
  Poly1305Lanes<F, kBox>::template run<false, 2>(jobs);
  Poly1305Lanes<F, kBox>::template run<false, 4>(jobs);
}
TYPED_TEST(Poly1305VectorBounds, Lanes) {
  using F = TypeParam;
  for (const u64 text_len : {0, 1, 64, 150, 256}) {
    for (const u64 aad : {0, 20}) {
      u8 bytes[512] = {}, out[16];
      const u64 lens[4] = {text_len, text_len / 2, text_len + 33, text_len},
                aads[4] = {aad, 0, aad / 2, 4 * aad};
      const u8* const p[4] = {bytes, bytes, bytes, bytes};
      u8* const tags[4] = {out, out, out, out};
      const Poly1305Jobs jobs{lens, aads, p, p, p, tags};
      run_lanes<F, false>(jobs);
      run_lanes<F, true>(jobs);
    }
  }
  expect_proved(50'000);
}

// Along one message, from what the scalar word has between blocks (kernels/poly1305.hpp) to that again.
template <class Along>
u64 run_along(u64 num) {
  using Number = IntervalLanes<1, Along::W::registers>;
  const u8 bytes[16 * 15 * Along::L] = {};
  Along along;
  Number h0 = Number::any(), h1 = Number::any(), h2 = {0, 4};
  const Number r0 = {0, 0x0ffffffc0fffffff}, r1 = {0, 0x0ffffffc0ffffffc};
  const u64 taken = along.blocks(h0, h1, h2, r0, r1, bytes, num);
  need(h2.hi <= 4, "h2 <= 4 between blocks");
  return taken;
}
TYPED_TEST(Poly1305VectorBounds, Along) {
  using Along = Poly1305Along<typename InLanes<TypeParam>::Field>;
  for (const u64 words : {12, 13, 14, 15})  // three turns, and what no turn takes
    EXPECT_EQ(run_along<Along>(words * Along::L + 1), words * Along::L);
  expect_proved(2'000);
}

// Negative controls: a power of r that was never reduced, alone, in the loop, and as the key of the last group only.
template <class F>
typename F::Elem unreduced() {
  auto wide = reduced((F*)nullptr);
  wide.l[1].hi = u64(1) << (F::limbs == 3 ? 48 : 30);
  return wide;
}
template <class F, int WHICH>
struct WithWideFactor : F {
  static inline int num_factors = 0;
  static typename F::Factor factor(const typename F::Elem& r) {
    return F::factor(num_factors++ == WHICH ? unreduced<F>() : r);
  }
};
void expect_reported() {
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}
template <class F>
struct NotFolded : F {
  template <class Number>
  static void join(Number& h0, Number& h1, Number& h2, Number (&l)[F::limbs]) {
    l[F::limbs - 1] += l[F::limbs - 1];
    h0 = h1 = Number::any(), h2 = l[F::limbs - 1] >> (F::limbs == 3 ? 40 : 24);
  }
};
TYPED_TEST(Poly1305VectorBounds, PlantedDefectsAreReported) {
  using F = TypeParam;
  auto t = F::no_sum();
  F::mul_add(t, block<F>(), F::factor(unreduced<F>()));
  expect_reported();
  whole_rows<F>(reduced((F*)nullptr), unreduced<F>());
  expect_reported();
  const u64 lens[4] = {64, 64, 64, 64}, aads[4] = {};
  const u8 bytes[64] = {};
  const u8* const p[4] = {bytes, bytes, bytes, bytes};
  u8 out[16];
  u8* const tags[4] = {out, out, out, out};
  const Poly1305Jobs jobs{lens, aads, p, p, p, tags};
  Poly1305Lanes<WithWideFactor<F, 1>, false>::template run<false, 2>(jobs);
  expect_reported();
  Poly1305Lanes<WithWideFactor<F, 3>, false>::template run<false, 4>(jobs);
  expect_reported();
  using Wide = typename InLanes<F>::Field;
  run_along<Poly1305Along<WithWideFactor<Wide, 3>>>(12 * Wide::Word::lanes);
  expect_reported();
  run_along<Poly1305Along<NotFolded<Wide>>>(12 * Wide::Word::lanes);
  expect_reported();
}

}  // namespace
}  // namespace megaseal::proof
