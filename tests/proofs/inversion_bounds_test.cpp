// The inversion by divsteps (kernels/safegcd.hpp): no overflow and the stated bounds for all inputs, matrices that are
// right for all sequences of steps. How many steps are enough is divsteps_test.cpp's.
//
// 1. hop<N> is right. Its matrix depends on delta and on the N parities of g alone, and for a fixed odd f the 2^N values
//    of g modulo 2^N give 2^N different sequences of parities. So all g with one f give every matrix there is, and all are
//    compared with the textbook's steps. Another f differs in what rides below the matrix, which is less than 2^20 in size
//    for any, as steps halve what they add; the largest f is tried as well.
//    Words do not overflow, by the induction over steps in hop()'s description, which is executed.
// 2. |u| + |v| <= 2^N and |q| + |r| <= 2^N. For hops by 1. A product's row sums are at most the product of the row sums,
//    so divsteps() has 2^59.
// 3. invert() runs over intervals, for any matrices with such rows: no sum of products overflows 128 bits, no limb 64, and
//    |d| < 6 p at the end.
// 4. Two passes of fold() then give 0 <= d < 2^255. With d = k 2^255 + r, 0 <= r < 2^255, -6 <= k < 6, the first leaves
//    r + 19 k. That is below 0 or above 2^255 by less than 19 · 6 only, and the second brings it in: tried for all k, and
//    all r within a few hundred of either end.
#include <gtest/gtest.h>

#include <bit>
#include <random>

#define MEGASEAL_ISA proof
#include "exact.hpp"
#include "interval_int.hpp"
#include "kernels/safegcd.hpp"

namespace megaseal::proof {
namespace {

using i64 = int64_t;
using i128 = __int128;
using Machine = Safegcd25519<u64>;
using U = IntervalInt<u64>;
using I64 = U::Narrow;
using I128 = U::Wide;
using Intervals = Safegcd25519<U>;

void expect_proved(long at_least) {
  Ledger& ledger = Ledger::get();
  EXPECT_GT(ledger.checks, at_least);
  for (const std::string& f : ledger.failures) ADD_FAILURE() << "not proved: " << f;
  ledger = {};
}
void expect_reported() {
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

// ---- 1 and 2

/// The textbook's steps, exactly, with the matrix of all of them. delta is twice the text's, which is odd.
template <class Number>
struct Textbook {
  Number f, g;
  i64 delta, u = 1, v = 0, q = 0, r = 1;
  u64 parities = 0;

  void step() {
    const bool odd = g & 1;
    parities = parities << 1 | odd;
    if (odd && delta > 0) {
      const Number old_f = f;
      const i64 old_u = u, old_v = v;
      delta = 2 - delta, f = g, g = (g - old_f) / 2;
      u = 2 * q, v = 2 * r, q = q - old_u, r = r - old_v;
    } else {
      delta = 2 + delta, g = (odd ? g + f : g) / 2;
      q = odd ? q + u : q, r = odd ? r + v : r;
      u *= 2, v *= 2;
    }
  }
};
u64 size(i64 x) { return x < 0 ? u64(0) - u64(x) : u64(x); }

/// Whether N steps of the kernel and of the textbook are the same, up to the sign of all, with rows of at most 2^N.
template <class Number, class Run>
bool is_right(int n, i64 t, u64 f, u64 g, const Run& run, u64* parities = nullptr) {
  Textbook<Number> book{.f = Number(f), .g = Number(g), .delta = 2 * t + 1};
  for (int i = 0; i < n; i++) book.step();
  if (parities) *parities = book.parities;
  u64 delta = u64(t);
  const Machine::Matrix m = run(delta, f, g);
  const bool same = m.u == book.u && m.v == book.v && m.q == book.q && m.r == book.r;
  const bool opposite = m.u == -book.u && m.v == -book.v && m.q == -book.q && m.r == -book.r;
  return (same || opposite) && 2 * i64(delta) + 1 == book.delta && size(m.u) + size(m.v) <= u64(1) << n &&
         size(m.q) + size(m.r) <= u64(1) << n;
}
template <int N>
Machine::Matrix hop(u64& delta, u64 f, u64 g) {
  return Machine::hop<N>(delta, f, g);
}

template <int N>
void every_matrix() {
  // From a delta of N on, and from -N down, N steps go as from there.
  std::vector<u64> seen(std::max(1, (1 << N) / 64));
  for (i64 t = -N - 1; t <= N; t++)
    for (const u64 f : {u64(1), (u64(1) << 20) - 1}) {
      if (f != 1 && t != 0 && t != -1) continue;
      long wrong = 0, sequences = 0;
      std::fill(seen.begin(), seen.end(), 0);
      for (u64 g = 0; g < u64(1) << N; g++) {
        u64 parities;
        wrong += !is_right<i64>(N, t, f, g, hop<N>, &parities);
        seen[parities / 64] |= u64(1) << (parities % 64);
      }
      for (const u64 bits : seen) sequences += std::popcount(bits);
      ASSERT_EQ(wrong, 0) << "delta " << t;
      ASSERT_EQ(sequences, 1 << N) << "delta " << t;
    }
}
TEST(InversionBounds, EveryMatrixOf20Steps) { every_matrix<20>(); }
TEST(InversionBounds, EveryMatrixOf19Steps) { every_matrix<19>(); }

// Negative controls: a step too few, and a delta one too large.
TEST(InversionBounds, WrongStepsAreReported) {
  const auto late = [](u64& delta, u64 f, u64 g) { return Machine::hop<20>(++delta, f, g); };
  long few = 0, other = 0;
  for (u64 g = 1; g < 2000; g += 2) {
    few += !is_right<i64>(20, 0, 1, g, hop<19>);
    other += !is_right<i64>(20, -1, 1, g, late);
  }
  EXPECT_EQ(few, 1000);
  EXPECT_GT(other, 0);
}

TEST(InversionBounds, MatricesOf59Steps) {
  std::mt19937_64 random(59);
  const auto run = [](u64& delta, u64 f, u64 g) { return Machine::divsteps(delta, f, g); };
  long wrong = 0;
  for (int i = 0; i < 300'000; i++) {
    u64 f = random(), g = random();
    if (i % 4 == 1) f &= random() & random(), g &= random() & random();
    if (i % 4 == 2) f |= random() | random(), g |= random() | random();
    if (i % 4 == 3) g = u64(1) << (random() % 64);
    wrong += !is_right<i128>(59, i64(random() % 121) - 60, f >> 5 | 1, g >> 5, run);
    // What stands above 59 bits does not matter.
    u64 delta = 0, other = 0;
    const Machine::Matrix a = Machine::divsteps(delta, f | 1, g),
                          b = Machine::divsteps(other, (f | 1) ^ u64(31) << 59, g ^ u64(21) << 59);
    wrong += a.u != b.u || a.v != b.v || a.q != b.q || a.r != b.r || delta != other;
  }
  EXPECT_EQ(wrong, 0);
}

/// The induction: words of N steps with fields `field` bits apart.
void words_of_hop(int n, int field) {
  const i128 limit = i128(1) << 63, part = i128(1) << (field - 1);
  const int middle = field + n, top = 2 * field + n;  // where the fields stand at first, above bit 0
  for (int i = 0; i < n; i++) {
    const i128 m = i128(1) << (middle - i), t = i128(1) << (top - i), row = i128(1) << i;
    // |f_i| < part and |u| + |v| <= 2^i: the most is where |v| has all of it.
    const i128 word = part + t * row;
    need(word < limit, "a word below 2^63");
    // |v| + |r| <= 2^(i+1) - 1, what is left goes to |u| + |q|.
    const i128 sum = 2 * part + t * (2 * row - 1) + m;
    need(sum < limit, "a sum below 2^63");
  }
  // After n steps fields are `field` bits apart, and hold -2^(field-1) to 2^(field-1) - 1: entries, less than that in
  // size but for the -(2^n) of f's row, which is stored negated.
  need(i128(1) << n <= part, "an entry fits its field");
}
TEST(InversionBounds, WordsOfHops) {
  words_of_hop(20, 21);
  words_of_hop(19, 21);
  expect_proved(60);
  words_of_hop(21, 21);
  expect_reported();
  words_of_hop(20, 20);
  expect_reported();
}

// ---- 3

}  // namespace

namespace {
/// Bounds on a row's |a| + |b|; tests make it larger.
i128 row_bound = i128(1) << 59;
}  // namespace

// Any matrix, instead of that of the steps.
template <>
Intervals::Matrix Intervals::divsteps(U&, U, U) {
  const I64 entry = I64::between(-row_bound, row_bound);
  return {entry, entry, entry, entry};
}
// Both terms at most once together: intervals alone would count each.
template <>
I128 Intervals::weighted(I64 a, I64 x, I64 b, I64 y) {
  need(a.lo >= -row_bound && a.hi <= row_bound && b.lo >= -row_bound && b.hi <= row_bound,
       "rows of the matrix");
  const I64 both = I64::between(x.lo < y.lo ? x.lo : y.lo, x.hi > y.hi ? x.hi : y.hi);
  return I128(I64::between(-row_bound, row_bound)) * I128(both);
}

namespace {

TEST(InversionBounds, NothingOverflows) {
  U w[4] = {U::any(), U::any(), U::any(), U::between(0, ~u64(0) >> 1)};
  Intervals::invert(w);
  expect_proved(900);
}

TEST(InversionBounds, NumbersStaySmall) {
  using Number = Intervals::Number;
  const I64 limb = I64::between(0, Machine::limb_mask);
  Number f{{-19, 0, 0, 0, 1 << 19}}, g{{limb, limb, limb, limb, I64::between(0, (1 << 19) - 1)}};
  Number d{{0, 0, 0, 0, 0}}, e{{1, 0, 0, 0, 0}};
  const auto limbs_are_right = [&](const Number& x) {
    for (int i = 0; i < 4; i++) EXPECT_TRUE(x.l[i].lo >= 0 && x.l[i].hi <= i128(Machine::limb_mask));
  };
  U delta = 0;
  for (int round = 0; round < Machine::rounds; round++) {
    const auto m = Intervals::divsteps(delta, U(f.l[0]), U(g.l[0]));
    const Number f1 = Intervals::combine<false>(m.u, f, m.v, g),
                 g1 = Intervals::combine<false>(m.q, f, m.r, g);
    const Number d1 = Intervals::combine<true>(m.u, d, m.v, e), e1 = Intervals::combine<true>(m.q, d, m.r, e);
    f = f1, g = g1, d = d1, e = e1;
    for (const Number* x : {&f, &g, &d, &e}) limbs_are_right(*x);
    // Intervals round outwards: by 1 a round, where the description's own bound is 2^19.
    for (const Number* x : {&f, &g}) {
      EXPECT_LE(i64(x->l[4].hi), (1 << 19) + round + 1);
      EXPECT_GE(i64(x->l[4].lo), -(1 << 19) - round - 1);
    }
  }
  // |d| < 6 p. p's limb 4 is 2^19 - 1 above full limbs.
  EXPECT_LT(i64(d.l[4].hi), 6 * ((1 << 19) - 1));
  EXPECT_GT(i64(d.l[4].lo), -6 * ((1 << 19) - 1));
  for (int pass = 0; pass < 2; pass++) {
    Intervals::fold(d);
    limbs_are_right(d);
  }
  expect_proved(1'000);
}

// Negative controls: rows of a matrix of 70 steps, and limbs that were never carried.
TEST(InversionBounds, PlantedDefectsAreReported) {
  row_bound = i128(1) << 62;
  const I64 wide = I64::any();
  const Intervals::Number x{{wide, wide, wide, wide, wide}};
  const I64 entry = I64::between(-row_bound, row_bound);
  Intervals::combine<false>(entry, x, entry, x);
  expect_reported();  // limbs of 64 bits: the last one does not fit again
  row_bound = i128(1) << 59;
  Intervals::Number d{{wide, wide, wide, wide, wide}};
  Intervals::fold(d);
  expect_reported();
}

// ---- 4

TEST(InversionBounds, FoldedNumbersAreBelow2To255) {
  // d = k 2^255 + r, as limbs 0 to 3 and one with a sign.
  long num = 0, wrong = 0;
  for (i64 k = -6; k < 6; k++)
    for (int end = 0; end < 3; end++)
      for (int offset = -300; offset <= 300; offset++) {
        if (end == 0 && offset < 0) continue;
        if (end == 2 && offset >= 0) continue;
        Exact r = end == 0 ? Exact{} : end == 1 ? Exact::power(254) : Exact::power(255);
        r = offset < 0 ? r - Exact::of(u64(-offset)) : r + Exact::of(u64(offset));
        Machine::Number d;
        for (int i = 0; i < 5; i++) {
          const int word = 59 * i / 64, shift = 59 * i % 64;
          u64 x = r.w[word] >> shift;
          if (shift) x |= r.w[word + 1] << (64 - shift);
          d.l[i] = i64(x & Machine::limb_mask);
        }
        d.l[4] += k << 19;
        Machine::fold(d);
        Machine::fold(d);
        Exact got;
        bool right = true;
        for (int i = 0; i < 5; i++) {
          right = right && d.l[i] >= 0 && d.l[i] <= (i < 4 ? i64(Machine::limb_mask) : (1 << 19) - 1);
          got = got + Exact::of(u64(d.l[i])).shl(59 * i);
        }
        // 2^255 = 19 (mod p): r + 19 k, made positive by 19 · 6 on both sides.
        const Exact left = (got + Exact::of(19 * 6)).mod(Exact::p25519());
        right = right && left == (r + Exact::of(u64(19 * (k + 6)))).mod(Exact::p25519());
        num++, wrong += !right;
      }
  EXPECT_GT(num, 10'000);
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace megaseal::proof
