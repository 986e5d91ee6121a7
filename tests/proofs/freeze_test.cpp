// freeze() and its kin give the one representative below p, for every element that they may be given.
//
// Limbs5x51::freeze. Pre: limbs below 2^54.
//   1. A carry pass keeps the value modulo p: what leaves limb i at 2^51 enters limb i + 1 once, what leaves limb 4 at
//      2^255 = p + 19 enters limb 0 times 19. The limbs that it can leave are what the intervals below say, and so is the
//      greatest value V: it is below 2p.
//   2. q is floor((V + 19) / 2^255), for floor((x + floor(y / m)) / n) = floor((x m + y) / (m n)) takes one limb after
//      the other, whatever their size. As V + 19 < 2p + 19 < 2^256, q is 0 or 1; it is 1 exactly if V >= 2^255 - 19 = p.
//   3. The result is V + 19 q with carries, modulo 2^255, which the last mask drops. For q = 0 that is V < p. For q = 1
//      it is V + 19 - 2^255 = V - p, from 0 to p - 1. So it is below p in both cases.
// Step 1's bounds are executed for the whole interval; the three steps together are tried where they could go wrong: at
// all combinations of limbs next to where a limb or a carry ends, and at every representation of values next to multiples
// of p. The reference is plain integers.
//
// Poly1305: canonical() of both radices, and Poly1305::finish(), likewise.
#include <gtest/gtest.h>

#define MEGASEAL_ISA proof
#include "backends/scalar/word64.hpp"
#include "exact.hpp"
#include "interval_word.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/field_5x51_fma.hpp"
#include "kernels/field_5x51_madd.hpp"
#include "kernels/poly1305.hpp"
#include "kernels/poly1305_field26.hpp"
#include "kernels/poly1305_field44.hpp"
#include "secret_word.hpp"

namespace megaseal::proof {
namespace {

using Secret = SecretWord64<1>;
using i64 = int64_t;

u64 number(W64 w) { return w.v; }
u64 number(Secret w) {
  u64 x;
  w.store(&x);
  return x;
}

// ---- Step 1

struct Passes : Limbs5x51<IntervalWord> {
  using Limbs5x51<IntervalWord>::carry_pass;
};
/// The greatest value of limbs below `end` after so many passes.
Exact greatest(u64 end, int passes) {
  IntervalWord limbs[5], t[5];
  for (auto& limb : limbs) limb = {0, end - 1};
  for (int i = 0; i < passes; i++) {
    Passes::carry_pass(t, limbs);
    for (int k = 0; k < 5; k++) limbs[k] = t[k];
  }
  Exact v;
  for (int i = 0; i < 5; i++) v = v + Exact::of(limbs[i].hi).shl(51 * i);
  return v;
}

TEST(Freeze, ValueBelowTwiceThePrime) {
  const Exact twice = Exact::p25519() + Exact::p25519();
  EXPECT_LT(greatest(u64(1) << 54, 2), twice);
  EXPECT_LT(greatest(u64(1) << 54, 1), twice);  // one pass would do
  EXPECT_TRUE(Ledger::get().failures.empty());
  EXPECT_FALSE(greatest(u64(1) << 54, 0) < twice);  // without a pass it is not
  // And the rest of freeze(), over the whole interval: nothing wraps.
  Limbs5x51<IntervalWord>::Elem e;
  for (auto& limb : e.l) limb = {0, (u64(1) << 54) - 1};
  IntervalWord words[4];
  Limbs5x51<IntervalWord>::to_words(words, e);
  EXPECT_TRUE(Ledger::get().failures.empty());
  EXPECT_GT(Ledger::get().checks, 20);
  Ledger::get() = {};
  // It asks for limbs that are no wider, which is how the runs of the slots show that it gets none.
  e.l[3].hi++;
  Limbs5x51<IntervalWord>::is_zero(e);
  EXPECT_EQ(Ledger::get().failures, std::vector<std::string>(1, stated_bound));
  Ledger::get() = {};
}

// ---- All three, at the edges

/// What the fields take and give, as integers with a sign.
template <class F, i64 LEAST, i64 MOST>
struct Integer {
  using Field = F;
  static constexpr i64 least = LEAST, most = MOST;
  static typename F::Elem elem(const i64 (&l)[5]) {
    typename F::Elem e;
    for (int i = 0; i < 5; i++) e.l[i] = F::W::splat(u64(l[i]));
    return e;
  }
};
template <class F, i64 LEAST, i64 MOST>
struct Real : Integer<F, LEAST, MOST> {
  static typename F::Elem elem(const i64 (&l)[5]) {
    typename F::Elem e;
    for (int i = 0; i < 5; i++) e.l[i] = F::R::splat(double(l[i]));
    return e;
  }
};

/// Elements frozen, and those of them that were frozen wrongly.
template <class S>
struct Trial {
  using F = typename S::Field;
  long num = 0, wrong = 0;

  void of(const i64 (&l)[5]) {
    typename F::W words[4];
    F::to_words(words, S::elem(l));
    Exact expected = Exact::p25519() * 64;  // so that limbs below 0 have something to be taken from
    for (int i = 0; i < 5; i++) {
      const Exact part = Exact::of(u64(l[i] < 0 ? -l[i] : l[i])).shl(51 * i);
      expected = l[i] < 0 ? expected - part : expected + part;
    }
    expected = expected.mod(Exact::p25519());
    bool right = F::W::reveal(F::is_zero(S::elem(l))) == u32(expected == Exact{});
    for (int i = 0; i < 4; i++) right = right && number(words[i]) == expected.w[i];
    num++, wrong += !right;
  }
  bool may_be(i64 limb) const { return limb >= S::least && limb <= S::most; }

  void limb_edges() {
    std::vector<i64> edges;
    const i64 one = i64(1) << 51;
    for (const i64 at : {S::least, i64(0), i64(19), one - 19, one, 2 * one, S::most})
      for (const i64 off : {-1, 0, 1})
        if (may_be(at + off) && std::find(edges.begin(), edges.end(), at + off) == edges.end())
          edges.push_back(at + off);
    i64 l[5];
    for (const i64 a : edges)
      for (const i64 b : edges)
        for (const i64 c : edges)
          for (const i64 d : edges)
            for (const i64 e : edges) {
              // Both outer limbs take all edges; of the inner three not every triple of the wider lists.
              if (edges.size() > 14 && b != c && c != d && b != d) continue;
              l[0] = a, l[1] = b, l[2] = c, l[3] = d, l[4] = e;
              of(l);
            }
  }
  /// Every way to write k p + offset with up to three units moved from each limb into the one below, and out of 2^255.
  void near_multiples() {
    for (u64 k = 0; k < 9; k++)
      for (int offset = -40; offset <= 40; offset++) {
        if (k == 0 && offset < 0) continue;
        const Exact v = offset < 0 ? Exact::p25519() * k - Exact::of(u64(-offset))
                                   : Exact::p25519() * k + Exact::of(u64(offset));
        i64 canonical[5];
        for (int i = 0; i < 5; i++) {
          const int word = 51 * i / 64, shift = 51 * i % 64;
          u64 x = v.w[word] >> shift;
          if (shift) x |= v.w[word + 1] << (64 - shift);
          canonical[i] = i64(i < 4 ? x & Limbs5x51<W64>::limb_mask : x);
        }
        for (int ways = 0; ways < 4 * 4 * 4 * 4 * 4; ways++) {
          i64 l[5];
          bool possible = true;
          for (int i = 0; i < 5; i++) l[i] = canonical[i];
          for (int i = 0; i < 5; i++) {
            const i64 units = ways >> (2 * i) & 3;
            if (i < 4) l[i + 1] -= units, l[i] += units << 51;
            if (i == 4) l[4] -= units << 51, l[0] += 19 * units;
          }
          for (const i64 limb : l) possible = possible && may_be(limb);
          if (possible) of(l);
        }
      }
  }
};

constexpr i64 p2_54 = i64(1) << 54, p2_51 = i64(1) << 51;
using Portable = Integer<Field5x51<W64>, 0, p2_54 - 1>;
using Madd = Integer<Field5x51Madd<Secret>, 0, p2_54 - 1>;
using Fma = Real<Field5x51Fma<Secret, SecretReal<1>>, -p2_51, p2_51>;

template <class S>
struct FreezeEdges : ::testing::Test {};
struct Names {
  template <class S>
  static std::string GetName(int) {
    return std::is_same_v<S, Portable> ? "Portable" : std::is_same_v<S, Madd> ? "Madd" : "Fma";
  }
};
using Fields = ::testing::Types<Portable, Madd, Fma>;
TYPED_TEST_SUITE(FreezeEdges, Fields, Names);

TYPED_TEST(FreezeEdges, EveryLimbAtItsEdges) {
  Trial<TypeParam> trial;
  trial.limb_edges();
  EXPECT_GT(trial.num, 50'000);
  EXPECT_EQ(trial.wrong, 0);
}
TYPED_TEST(FreezeEdges, EveryWayToWriteValuesNearMultiplesOfThePrime) {
  Trial<TypeParam> trial;
  trial.near_multiples();
  EXPECT_GT(trial.num, 500);
  EXPECT_EQ(trial.wrong, 0);
}

// Negative controls: each takes one thing out of freeze().
template <int TOP, int BACK, int PASSES>
struct Planted : Limbs5x51<W64> {
  static Elem freeze(const Elem& e) {
    const W m = W::splat(limb_mask);
    W a[5], t[5];
    for (int i = 0; i < 5; i++) a[i] = e.l[i];
    for (int n = 0; n < PASSES; n++) {
      carry_pass(t, a);
      for (int i = 0; i < 5; i++) a[i] = t[i];
    }
    W q = W::splat(TOP);
    for (int i = 0; i < 5; i++) q = (a[i] + q).shr<51>();
    W c = q.times<BACK>();
    Elem r;
    for (int i = 0; i < 5; i++) {
      const W s = a[i] + c;
      r.l[i] = s & m;
      c = s.shr<51>();
    }
    return r;
  }
  static void to_words(W (&w)[4], const Elem& e) { Limbs5x51<W64>::to_words(w, freeze(e)); }
};
template <class F>
long wrong_near_multiples() {
  // to_words() freezes once more, which would hide what is wrong: the limbs are looked at.
  struct Words : F {
    using Elem = typename F::Elem;
    static void to_words(W64 (&w)[4], const Elem& e) {
      const Elem a = F::freeze(e);
      w[0] = a.l[0] | a.l[1].shl_bits(51);
      w[1] = a.l[1].template shr<13>() | a.l[2].shl_bits(38);
      w[2] = a.l[2].template shr<26>() | a.l[3].shl_bits(25);
      w[3] = a.l[3].template shr<39>() | a.l[4].shl_bits(12);
    }
  };
  Trial<Integer<Words, 0, p2_54 - 1>> trial;
  trial.near_multiples();
  return trial.wrong;
}
TEST(Freeze, PlantedDefectsAreReported) {
  EXPECT_EQ((wrong_near_multiples<Planted<19, 19, 2>>()), 0);
  EXPECT_GT((wrong_near_multiples<Planted<18, 19, 2>>()), 0);  // p itself stays
  EXPECT_GT((wrong_near_multiples<Planted<20, 19, 2>>()), 0);  // p - 1 goes
  EXPECT_GT((wrong_near_multiples<Planted<19, 18, 2>>()), 0);
  EXPECT_GT((wrong_near_multiples<Planted<19, 19, 0>>()), 0);
}

// ---- Poly1305

/// The edges of a limb of `bits` bits that may be up to `most`.
std::vector<u64> edges_of(int bits, u64 most) {
  std::vector<u64> out;
  const u64 end = u64(1) << bits;
  for (const u64 at : {u64(4), end - 5, end, end + (u64(1) << 11), most})
    for (u64 x = at - 4; x != at + 4; x++)
      if (x <= most && std::find(out.begin(), out.end(), x) == out.end()) out.push_back(x);
  return out;
}
template <int N>
Exact value(const u64 (&limbs)[N], int bits) {
  Exact v;
  for (int i = 0; i < N; i++) v = v + Exact::of(limbs[i]).shl(bits * i);
  return v;
}

TEST(Freeze, Poly1305Radix44) {
  using F = Poly1305Field44<Secret>;
  long num = 0;
  for (const u64 a : edges_of(44, (u64(1) << 44) - 1))
    for (const u64 b : edges_of(44, (u64(1) << 44) + (u64(1) << 12) - 1))
      for (const u64 c : edges_of(42, (u64(1) << 42) - 1)) {
        const u64 limbs[3] = {a, b, c};
        const Exact expected = value(limbs, 44).mod(Exact::p1305());
        Secret lo, hi;
        F::canonical(lo, hi, {{Secret::splat(a), Secret::splat(b), Secret::splat(c)}});
        ASSERT_EQ(number(lo), expected.w[0]) << a << ' ' << b << ' ' << c;
        ASSERT_EQ(number(hi), expected.w[1]) << a << ' ' << b << ' ' << c;
        num++;
      }
  EXPECT_GT(num, 5'000);
}

TEST(Freeze, Poly1305Radix26) {
  using F = Poly1305Field26<Secret>;
  const u64 end = u64(1) << 26;
  const std::vector<u64> all = edges_of(26, end - 1), wide = edges_of(26, end + (u64(1) << 11) - 1);
  const std::vector<u64> few = {0, 1, end - 2, end - 1};
  long num = 0;
  for (const u64 a : all)
    for (const u64 b : wide)
      for (const u64 c : few)
        for (const u64 d : few)
          for (const u64 e : wide) {
            const u64 limbs[5] = {a, b, c, d, e};
            const Exact expected = value(limbs, 26).mod(Exact::p1305());
            Secret lo, hi;
            F::canonical(
                lo, hi,
                {{Secret::splat(a), Secret::splat(b), Secret::splat(c), Secret::splat(d), Secret::splat(e)}});
            ASSERT_EQ(number(lo), expected.w[0]) << a << ' ' << b << ' ' << c << ' ' << d << ' ' << e;
            ASSERT_EQ(number(hi), expected.w[1]) << a << ' ' << b << ' ' << c << ' ' << d << ' ' << e;
            num++;
          }
  EXPECT_GT(num, 50'000);
}

TEST(Freeze, Poly1305Finish) {
  std::vector<u64> edges;
  for (u64 x = 0; x < 9; x++) edges.push_back(x), edges.push_back(~x);
  for (const u64 h0 : edges)
    for (const u64 h1 : edges)
      for (u64 h2 = 0; h2 <= 4; h2++)
        for (const u64 pad : {u64(0), u64(5), ~u64(0)}) {
          const u64 limbs[3] = {h0, h1, h2}, pads[2] = {pad, pad};
          const Exact expected = value(limbs, 64).mod(Exact::p1305()) + value(pads, 64);
          Poly1305<W64> poly = {};
          poly.h0 = {h0}, poly.h1 = {h1}, poly.h2 = {h2};
          W64 tag0, tag1;
          poly.finish(tag0, tag1, reinterpret_cast<const u8*>(pads));
          ASSERT_EQ(tag0.v, expected.w[0]) << h0 << ' ' << h1 << ' ' << h2;
          ASSERT_EQ(tag1.v, expected.w[1]) << h0 << ' ' << h1 << ' ' << h2;
        }
}

}  // namespace
}  // namespace megaseal::proof
