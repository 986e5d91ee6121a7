// The two halves of a product of doubles (kernels/field_5x51_fma.hpp, halves()) are exact: for every pair of factors by
// following each rounding as a formula, and at edges by comparing with 128-bit integers.
//
// The formula. Let P = a b, exactly, |P| < 2^102. Every double on the way is m P + n E + k with whole m, n, k, where E is
// what the first fused multiply-add rounds away. A result is one of two kinds:
//   exact    it is a multiple of 2^s and at most 2^(53 + s) in size: a double holds it
//   rounded  it lies in one binade [2^e, 2^(e+1)), whatever P: the nearest multiple of 2^(e - 52) is at most half of that
//            away, and this distance is E
// Anything else, or a second rounding, is reported. halves() itself runs over such numbers; what comes out is
// P + E = 2^51 h and l = -E, |E| <= 2^50, which is the claim.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#define MEGASEAL_ISA proof
#include "interval_real.hpp"
#include "kernels/field_5x51_fma.hpp"

namespace megaseal::proof {
namespace {

using i64 = int64_t;
using i128 = __int128;
constexpr i128 one = 1;

/// What holds for all of them.
i128 largest_product;  // of P, in size
i128 largest_error;    // of E, once there is one

/// m P + n E + k, a multiple of 2^s. Bounds are those of the formula, or closer ones that are known otherwise.
struct Formula {
  i128 m, n, k;
  int s;
  i128 lo = -(one << 126), hi = one << 126;
  i128 most() const {
    const i128 all = k + (m < 0 ? -m : m) * largest_product + (n < 0 ? -n : n) * largest_error;
    return all < hi ? all : hi;
  }
  i128 least() const {
    const i128 all = k - (m < 0 ? -m : m) * largest_product - (n < 0 ? -n : n) * largest_error;
    return all > lo ? all : lo;
  }
  i128 size() const { return most() > -least() ? most() : -least(); }
  /// e, where all of it lies in [2^e, 2^(e+1)), or as `closed` reaches its end; -1 elsewhere.
  int binade(bool closed) const {
    for (int e = 0; e < 126; e++)
      if (least() >= one << e && most() < (one << (e + 1)) + closed) return e;
    return -1;
  }
};

int zeros_below(i128 k) {
  if (k == 0) return 126;
  int n = 0;
  while (!(k >> n & 1)) n++;
  return n;
}

/// A double's bits, read as an integer: binade e, and the multiple of 2^(e - 52) above 2^e.
struct Bits {
  int binade = -1;
  Formula above = {};
};

struct Real {
  bool is_factor = false;
  Formula f = {};

  static Real factor() { return {true, {}}; }
  static Real splat(double x) {
    const i128 k = i128(x);
    return {false, {0, 0, k, zeros_below(k)}};
  }
  static Real nearest(Formula f) {
    if (f.s < 70 && f.size() <= one << (53 + f.s)) return {false, f};
    const int e = f.binade(false);
    need(e > 52, "one binade for all factors");
    need(largest_error == 0, "one rounding");
    if (e <= 52) return {false, f};
    largest_error = one << (e - 53);
    f.n = 1, f.s = e - 52;
    f.lo = one << e, f.hi = one << (e + 1);  // what is rounded stays between what needs no rounding
    return {false, f};
  }
  friend Real fma(Real a, Real b, Real c) {
    need(a.is_factor && b.is_factor && !c.is_factor, "a product and a sum");
    // All of these are whole numbers.
    return nearest({c.f.m + 1, c.f.n, c.f.k, 0});
  }
  friend Real operator-(Real a, Real b) {
    return nearest({a.f.m - b.f.m, a.f.n - b.f.n, a.f.k - b.f.k, a.f.s < b.f.s ? a.f.s : b.f.s,
                    a.f.least() - b.f.most(), a.f.most() - b.f.least()});
  }
  Bits bits() const {
    // Bit patterns go on from one binade to the next, so the end of one is as good.
    const int e = f.binade(true);
    need(e >= 52 && f.s >= e - 52, "the bits of one binade");
    if (e < 52) return {};
    return {e, {f.m, f.n, f.k - (one << e), f.s, f.least() - (one << e), f.most() - (one << e)}};
  }
};

void expect_reported() {
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

TEST(Halves, ExactForAllFactors) {
  largest_product = (one << 102) - 1, largest_error = 0;
  Bits high, low;
  halves(high, low, Real::factor(), Real::factor());
  EXPECT_EQ(largest_error, one << 50);
  // high: 2^51 + (P + E) / 2^51 over the bits of 2^103, whose neighbours are 2^51 apart.
  EXPECT_EQ(high.binade, 103);
  EXPECT_EQ(high.above.m, 1);
  EXPECT_EQ(high.above.n, 1);
  EXPECT_EQ(high.above.k, one << 102);
  EXPECT_GE(high.above.s, 51);
  // low: 2^51 - E over the bits of 2^52.
  EXPECT_EQ(low.binade, 52);
  EXPECT_EQ(low.above.m, 0);
  EXPECT_EQ(low.above.n, -1);
  EXPECT_EQ(low.above.k, one << 51);
  EXPECT_TRUE(Ledger::get().failures.empty()) << Ledger::get().failures[0];
  EXPECT_GE(Ledger::get().checks, 6);
  Ledger::get() = {};

  // And so interval_real.hpp may say of all products: h and l between these bounds.
  IntervalWord h, l;
  const i64 a = i64(1) << 51, b = (i64(1) << 51) - 1;
  halves(h, l, IntervalReal{-a, a}, IntervalReal{-b, b});
  EXPECT_EQ(h.lo, u64((i64(1) << 51) - b));
  EXPECT_EQ(h.hi, u64((i64(1) << 51) + b));
  EXPECT_EQ(l.lo, u64(1) << 50);
  EXPECT_EQ(l.hi, u64(3) << 50);
  EXPECT_TRUE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

// Negative controls: products that are too large, and constants next to the right ones.
template <class W, class R>
void planted(W& high, W& low, R a, R b, double c, double rest) {
  const R h = fma(a, b, R::splat(c));
  high = h.bits();
  low = fma(a, b, R::splat(c + rest) - h).bits();
}
TEST(Halves, PlantedDefectsAreReported) {
  const double c = std::ldexp(3, 102), rest = std::ldexp(3, 51);
  Bits high, low;
  const auto run = [&](i128 most, double with, double and_with) {
    largest_product = most, largest_error = 0;
    planted(high, low, Real::factor(), Real::factor(), with, and_with);
  };
  run((one << 102) - 1, c, rest);
  EXPECT_TRUE(Ledger::get().failures.empty());
  run(one << 103, c, rest);
  expect_reported();
  run((one << 102) + 1, c, rest);
  expect_reported();
  run((one << 102) - 1, std::ldexp(1, 103), rest);  // at a binade's edge: P below 0 leaves it
  expect_reported();
  run((one << 102) - 1, c, 0);  // l of either sign: no binade
  expect_reported();
}

// ---- At the edges, with this machine's fused multiply-add

struct Double {
  double v;
  static Double splat(double x) { return {x}; }
  u64 bits() const { return __builtin_bit_cast(u64, v); }
  friend Double operator-(Double a, Double b) { return {a.v - b.v}; }
  friend Double fma(Double a, Double b, Double c) { return {std::fma(a.v, b.v, c.v)}; }
};
bool is_exact(i64 a, i64 b) {
  u64 high, low;
  halves(high, low, Double{double(a)}, Double{double(b)});
  const i64 h = i64(high - (u64(1023 + 103) << 52) - (u64(1) << 51));
  const i64 l = i64(low - (u64(1023 + 52) << 52) - (u64(1) << 51));
  const i64 half = i64(1) << 50;
  return l >= -half && l <= half && (i128(h) << 51) + l == i128(a) * b;
}

TEST(Halves, ExactAtEdges) {
  std::vector<i64> edges = {0};
  for (int bit = 0; bit <= 53; bit++)
    for (const i64 off : {-19, -1, 0, 1, 19})
      for (const i64 sign : {-1, 1}) edges.push_back(sign * ((i64(1) << bit) + off));
  std::mt19937_64 random(51);
  for (int i = 0; i < 400; i++) edges.push_back(i64(random()) >> (11 + random() % 50));
  const i128 limit = one << 102;
  long num = 0, wrong = 0;
  for (const i64 a : edges)
    for (const i64 b : edges) {
      const i128 p = i128(a) * b;
      if (p >= limit || p <= -limit || std::abs(a) > i64(1) << 53 || std::abs(b) > i64(1) << 53) continue;
      num++;
      wrong += !is_exact(a, b);
    }
  EXPECT_GT(num, 500'000);
  EXPECT_EQ(wrong, 0);
  // Ties, and their neighbours: a 2^50 with odd a.
  for (i64 a = -99; a < 100; a++) {
    EXPECT_TRUE(is_exact(a, i64(1) << 50));
    EXPECT_TRUE(is_exact(2 * a + 1, (i64(1) << 50) - 1));
    EXPECT_TRUE(is_exact(2 * a + 1, (i64(1) << 50) + 1));
  }
  // The bound is no larger than needed by much: twice its square is too much.
  EXPECT_FALSE(is_exact(i64(1) << 52, (i64(1) << 51) + 1));
}

}  // namespace
}  // namespace megaseal::proof
