// Inversion modulo p = 2^255 - 19 in constant time by "safegcd": D. J. Bernstein, B.-Y. Yang, Fast
// constant-time gcd computation and modular inversion, TCHES 2019(3). About half the time of the power
// z^(p-2), which matters where one inversion is not shared by many lanes.
//
// The algorithm walks f = p, g = z down to f = ±1, g = 0 by "divsteps" (f odd throughout):
//
//   g odd and delta > 0    (delta, f, g) <- (1 - delta, g, (g - f) / 2)
//   g odd otherwise        (delta, f, g) <- (1 + delta, f, (g + f) / 2)
//   g even                 (delta, f, g) <- (1 + delta, f, g / 2)
//
// Decisions depend on delta and the low bits of f and g only, so N steps on those give a 2 x 2 matrix m of
// integers with 2^N (f', g') = m (f, g), and the long numbers are touched once in N steps. Beside them run d
// and e with f = d z and g = e z (mod p); at the end d = ± 1/z.
//
// How many steps are enough: delta starts at 1/2 instead of the paper's 1, the variant that libsecp256k1 uses
// (doc/safegcd_implementation.md). It needs at most 590 for any odd f < 2^256 and 0 <= g <= f, a bound by
// convex hulls (github.com/sipa/safegcd-bounds, verified there in Coq too); the same computation gives 588
// for this f (tests/proofs/divsteps_test.cpp). Here are 10 rounds of 59 = 20 + 20 + 19.
//
// Constant time: parities and signs become masks; every loop bound and address is public.
//
// U is an integer of 64 bits without a sign. Tests bring integers of their own: tests/proofs runs this file over
// intervals, and over integers that nothing can branch on.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

/// The integers with a sign that go with U: of 64 bits, and of 128.
template <class U>
struct SignedIntegers {
  using Narrow = typename U::Narrow;
  using Wide = typename U::Wide;
};
template <>
struct SignedIntegers<u64> {
  using Narrow = int64_t;
  using Wide = __int128;
};

template <class U = u64>
struct Safegcd25519 {
  using I64 = typename SignedIntegers<U>::Narrow;
  using I128 = typename SignedIntegers<U>::Wide;
  static constexpr int rounds = 10;
  static constexpr u64 limb_mask = (u64(1) << 59) - 1;

  /// 1/z mod p, and 0 for 0, as little-endian words. Pre: z below p. Post: below 2^255, which may be p or
  /// more.
  static MEGASEAL_NOINLINE void invert(U (&w)[4]) {
    Number f{{-19, 0, 0, 0, 1 << 19}}, d{{0, 0, 0, 0, 0}}, e{{1, 0, 0, 0, 0}}, g;
    g.l[0] = I64(w[0] & limb_mask);
    g.l[1] = I64((w[0] >> 59 | w[1] << 5) & limb_mask);
    g.l[2] = I64((w[1] >> 54 | w[2] << 10) & limb_mask);
    g.l[3] = I64((w[2] >> 49 | w[3] << 15) & limb_mask);
    g.l[4] = I64(w[3] >> 44);
    U delta = 0;  // that of the text less 1/2
    for (int round = 0; round < rounds - 1; round++) {
      const Matrix m = divsteps(delta, U(f.l[0]), U(g.l[0]));
      // What the next steps wait for comes first; d and e fill the time until that has arrived.
      const Number f1 = combine<false>(m.u, f, m.v, g), g1 = combine<false>(m.q, f, m.r, g);
      const Number d1 = combine<true>(m.u, d, m.v, e), e1 = combine<true>(m.q, d, m.r, e);
      f = f1, g = g1, d = d1, e = e1;
    }
    // Of the last round, d is wanted and the sign of f: bit 1 tells 1 from -1.
    const U f64 = U(f.l[0]) + (U(f.l[1]) << 59), g64 = U(g.l[0]) + (U(g.l[1]) << 59);
    const Matrix m = divsteps(delta, f64, g64);
    d = combine<true>(m.u, d, m.v, e);
    const U last = U(m.u) * f64 + U(m.v) * g64;  // ± 2^59 modulo 2^64
    const I64 minus = I64(value_barrier(u64(0) - (last >> 60 & 1)));
    for (int i = 0; i < 5; i++) d.l[i] = (d.l[i] ^ minus) - minus;
    // |d| < 6p. The first pass leaves -2^237 < d < 2^255 + 114, the second 0 <= d < 2^255.
    fold(d);
    fold(d);
    w[0] = U(d.l[0]) | U(d.l[1]) << 59;
    w[1] = U(d.l[1]) >> 5 | U(d.l[2]) << 54;
    w[2] = U(d.l[2]) >> 10 | U(d.l[3]) << 49;
    w[3] = U(d.l[3]) >> 15 | U(d.l[4]) << 44;
  }

  /// l0 + l1 2^59 + … + l4 2^236, so that a round's division by 2^59 drops one limb. Limbs 0 to 3 are in
  /// [0, 2^59), and the signed limb 4 is small: at most 2^19 for f and g, 6 · 2^19 for d and e. (f starts as
  /// p = -19 + 2^19 2^236, which is as good.)
  struct Number {
    I64 l[5];
  };

  /// 2^N (f', g') = ± (u f + v g, q f + r g), with |u| + |v| <= 2^N and |q| + |r| <= 2^N. The sign is the same
  /// for all four, and is left as it comes: the steps from (-f, -g) are those from (f, g), negated.
  struct Matrix {
    I64 u, v, q, r;
  };

  /// After `second`, what follows `first`. Entries of the product of all hops are at most 2^59.
  static MEGASEAL_INLINE Matrix compose(const Matrix& second, const Matrix& first) {
    return {second.u * first.u + second.v * first.q, second.u * first.v + second.v * first.r,
            second.q * first.u + second.r * first.q, second.q * first.v + second.r * first.r};
  }

  /// 59 steps. Pre: the low 59 bits of f and g are right, those above do not matter. What is called delta
  /// in code is that of the text less 1/2.
  static MEGASEAL_INLINE Matrix divsteps(U& delta, U f, U g) {
    const Matrix a = hop<20>(delta, f, g);
    advance<20>(a, f, g);
    const Matrix b = hop<20>(delta, f, g);
    advance<20>(b, f, g);
    const Matrix c = hop<19>(delta, f, g);
    return compose(c, compose(b, a));
  }

  /// The low bits of f and g after N steps; N fewer of them are right.
  template <int N>
  static MEGASEAL_INLINE void advance(const Matrix& m, U& f, U& g) {
    const U f1 = (U(m.u) * f + U(m.v) * g) >> N, g1 = (U(m.q) * f + U(m.r) * g) >> N;
    f = f1, g = g1;
  }

  /// N <= 20 steps. A row of the matrix rides in the same word as the number that it yields, at 2^21 and 2^42
  /// above it, and as it is scaled by 2^N at the start, halving the word halves it exactly. After i steps the
  /// word of f is
  ///
  ///   f_i - 2^(21 + N - i) u_i - 2^(42 + N - i) v_i,   |f_i| < 2^20,   |u_i| + |v_i| <= 2^i
  ///
  /// and below 2^62 + 2^20 in size. The sum of two words stays below 2^63, because u r - v q = ± 2^i leaves
  /// |v| + |r| at most 2^(i+1) - 1, so the sum is more than 2^42 below 2^63.
  ///
  /// Minus, because a field of 21 bits has room for -2^20 but not for 2^20: entries of f's row may be 2^N
  /// (never -2^N: it takes N steps without an exchange, or one at the first). Those of g's row are smaller:
  /// q = ± 2^N would mean r = 0 and so v = ± 1, but f's row is even from the first step on.
  ///
  /// The steps are one chain of dependent operations, and its length is their time: five a step. Hence masks
  /// that say what does not happen. With a and b odd, b - ~a = b + a + 1, halved and rounded down, is (b + a)
  /// / 2, so the difference and the sum need no more than a complement of a; b - ~0, halved, is b / 2.
  template <int N>
  static MEGASEAL_INLINE Matrix hop(U& delta, U f, U g) {
    constexpr u64 low = (u64(1) << 20) - 1;
    U a = (f & low) - (u64(1) << (21 + N)), b = (g & low) - (u64(1) << (42 + N)), t = delta;
#pragma GCC unroll 20
    for (int i = 0; i < N; i++) {
      const U even = value_barrier((b & 1) - 1);
      const U negative = value_barrier(U(I64(t) >> 63));  // delta < 0 here is delta <= 0 in the text
      const U stay = even | negative;                     // f stays
      const U half = U(I64(b - ((a ^ negative) | even)) >> 1);
      a = b ^ ((a ^ b) & stay);
      b = half;
      t = 0 - (t ^ stay);  // t + 1 or -t
    }
    delta = t;
    return {middle(a), top(a), middle(b), top(b)};
  }
  /// The fields of such a word: what is below one is rounded away, what is above shifted out.
  static MEGASEAL_INLINE I64 middle(U x) { return I64((x + (u64(1) << 20)) << 22) >> 43; }
  static MEGASEAL_INLINE I64 top(U x) { return I64(x + (u64(1) << 20) + (u64(1) << 41)) >> 42; }

  /// a x + b y, where |a| + |b| <= 2^59.
  static MEGASEAL_INLINE I128 weighted(I64 a, I64 x, I64 b, I64 y) { return I128(a) * x + I128(b) * y; }

  /// (a x + b y) / 2^59, where |a| + |b| <= 2^59: exact for f and g; modulo p for d and e. There a multiple
  /// k p, |k| <= 2^58, makes it exact. So f and g never grow, and d and e grow by p / 2 a round, to less than
  /// 6p in all. Sums are below 2^118 + 2^78 + 2^64.
  template <bool modulo_p>
  static MEGASEAL_INLINE Number combine(I64 a, const Number& x, I64 b, const Number& y) {
    Number r;
    I128 c = weighted(a, x.l[0], b, y.l[0]);
    I64 k = 0;
    if (modulo_p) {
      k = I64(U(c) * inverse_of_19 << 5) >> 5;  // p = -19 modulo 2^59
      c -= k * 19;
    }
    c >>= 59;
#pragma GCC unroll 4
    for (int i = 1; i < 5; i++) {
      c += weighted(a, x.l[i], b, y.l[i]);
      if (modulo_p && i == 4) c += I128(k) * (1 << 19);
      r.l[i - 1] = I64(U(c) & limb_mask);
      c >>= 59;
    }
    r.l[4] = I64(c);
    return r;
  }
  /// Modulo 2^64.
  static constexpr u64 inverse_of_19 = 0x86bca1af286bca1b;
  static_assert(inverse_of_19 * 19 == 1);

  /// What is above 2^255 comes in at the bottom, times 19, and carries go up. Pre: limbs below 2^60 in size.
  /// Post: limbs 0 to 3 in [0, 2^59).
  static MEGASEAL_INLINE void fold(Number& d) {
    I64 c = 19 * (d.l[4] >> 19);
    d.l[4] &= (1 << 19) - 1;
    for (int i = 0; i < 4; i++) {
      c += d.l[i];
      d.l[i] = I64(U(c) & limb_mask);
      c >>= 59;
    }
    d.l[4] += c;
  }
};

MEGASEAL_KERNELS_END
