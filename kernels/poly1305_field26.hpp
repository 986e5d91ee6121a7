// The field of Poly1305, 2^130 - 5, in five limbs of 26 bits: for words with 32 x 32 -> 64-bit products.
//
// An element is the sum of 2^(26·i)·l[i]. Limb products of weight 2^130 and above return times 5.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

template <class W>
struct Poly1305Field26 {
  using Word = W;
  static constexpr int limbs = 5;
  /// From so many blocks on poly1305_along.hpp beats a scalar word (measured).
  static constexpr u64 min_blocks_along = W::lanes == 8 ? 56 : 40;
  static constexpr u64 mask26 = (u64(1) << 26) - 1;
  /// 2^128 in the top limb: the 1 that follows a whole block.
  static constexpr u64 top_bit = u64(1) << 24;

  /// Reduced: limbs < 2^26, but l1 and l4 < 2^26 + 2^11. A block: limbs < 2^26. First factors of mul_add: the sum of a
  /// reduced element and a block, limbs < 2^27 + 2^11.
  struct Elem {
    W l[5];
  };
  /// What mul_add multiplies by: a reduced element, and its limbs times 5, < 2^29 so that they fit 32 bits.
  struct Factor {
    W r[5], s[5];
  };
  struct Sum {
    W t[5];
  };

  static MEGASEAL_INLINE Elem zero() { return {{W::zero(), W::zero(), W::zero(), W::zero(), W::zero()}}; }
  /// lo + 2^64·hi, any 128 bits.
  static MEGASEAL_INLINE Elem from(W lo, W hi) {
    const W m = W::splat(mask26);
    return {{lo & m, lo.template shr<26>() & m, (lo.template shr<52>() | hi.template shl_drop<12>()) & m,
             hi.template shr<14>() & m, hi.template shr<40>()}};
  }
  static MEGASEAL_INLINE void add_top(Elem& e, W bit) { e.l[4] = e.l[4] + bit; }
  static MEGASEAL_INLINE W times5(W x) { return x + x.template shl<2>(); }
  static MEGASEAL_INLINE Factor factor(const Elem& r) {
    Factor m;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) m.r[i] = r.l[i], m.s[i] = times5(r.l[i]);
    return m;
  }

  static MEGASEAL_INLINE Sum no_sum() {
    const W z = W::zero();
    return {{z, z, z, z, z}};
  }
  /// t += a·m. Each call adds five products below 2^27.1·2^28.4 to each word: four calls leave t < 20·2^55.5 < 2^60.
  static MEGASEAL_INLINE void mul_add(Sum& t, const Elem& a, const Factor& m) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++)
#pragma GCC unroll 5
      for (int k = 0; k < 5; k++) {
        t.t[k] = t.t[k] + mul_low32(a.l[i], k >= i ? m.r[k - i] : m.s[5 + k - i]);
        // Summed here and now: g++ 12 would compute all 25 products first, and spill them.
        pin(t.t[k]);
      }
  }
  /// The sum, reduced, in two carry chains side by side: 0-1-2-3-4 and 3-4-0-1. Pre: t < 2^60, so that what leaves the
  /// top limb is below 2^34.1, times 5 below 2^36.5, and leaves less than 2^11 to limb 1.
  static MEGASEAL_INLINE Elem reduce(const Sum& s) {
    const W m = W::splat(mask26);
    W t0 = s.t[0], t1 = s.t[1], t2 = s.t[2], t3 = s.t[3], t4 = s.t[4];
    t1 = t1 + t0.template shr<26>(), t0 = t0 & m;
    t4 = t4 + t3.template shr<26>(), t3 = t3 & m;
    t2 = t2 + t1.template shr<26>(), t1 = t1 & m;
    t0 = t0 + times5(t4.template shr<26>()), t4 = t4 & m;
    t3 = t3 + t2.template shr<26>(), t2 = t2 & m;
    t1 = t1 + t0.template shr<26>(), t0 = t0 & m;
    t4 = t4 + t3.template shr<26>(), t3 = t3 & m;
    return {{t0, t1, t2, t3, t4}};
  }

  /// The number mod 2^130 - 5, modulo 2^128, as lo + 2^64·hi. Pre: reduced.
  static MEGASEAL_INLINE void canonical(W& lo, W& hi, const Elem& e) {
    const W m = W::splat(mask26);
    W t0 = e.l[0], t1 = e.l[1], t2 = e.l[2], t3 = e.l[3], t4 = e.l[4];
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
      t1 = t1 + t0.template shr<26>(), t0 = t0 & m;
      t2 = t2 + t1.template shr<26>(), t1 = t1 & m;
      t3 = t3 + t2.template shr<26>(), t2 = t2 & m;
      t4 = t4 + t3.template shr<26>(), t3 = t3 & m;
      t0 = t0 + times5(t4.template shr<26>()), t4 = t4 & m;
    }
    t1 = t1 + t0.template shr<26>(), t0 = t0 & m;
    // q = 1 where h >= p, that is where h + 5 reaches bit 130.
    W q = (t0 + W::splat(5)).template shr<26>();
    q = (t1 + q).template shr<26>();
    q = (t2 + q).template shr<26>();
    q = (t3 + q).template shr<26>();
    q = (t4 + q).template shr<26>();
    t0 = t0 + times5(q);
    t1 = t1 + t0.template shr<26>(), t0 = t0 & m;
    t2 = t2 + t1.template shr<26>(), t1 = t1 & m;
    t3 = t3 + t2.template shr<26>(), t2 = t2 & m;
    t4 = t4 + t3.template shr<26>(), t3 = t3 & m;
    lo = t0 | t1.template shl<26>() | t2.template shl_drop<52>();
    hi = t2.template shr<12>() | t3.template shl<14>() | t4.template shl_drop<40>();
  }

  /// To and from 64-bit limbs h0 + 2^64·h1 + 2^128·h2, h2 <= 4, as kernels/poly1305.hpp has them between blocks.
  template <class Number>
  static MEGASEAL_INLINE void split(Number (&l)[5], Number h0, Number h1, Number h2) {
    l[0] = h0 & mask26;
    l[1] = h0 >> 26 & mask26;
    l[2] = (h0 >> 52 | h1 << 12) & mask26;
    l[3] = h1 >> 14 & mask26;
    l[4] = h1 >> 40 | h2 << 24;
  }
  /// Pre: limbs < 2^60.
  template <class Number>
  static MEGASEAL_INLINE void join(Number& h0, Number& h1, Number& h2, Number (&l)[5]) {
    for (int round = 0; round < 2; round++) {
      for (int i = 0; i < 4; i++) l[i + 1] += l[i] >> 26, l[i] &= mask26;
      l[0] += 5 * (l[4] >> 26), l[4] &= mask26;
    }
    for (int i = 0; i < 4; i++) l[i + 1] += l[i] >> 26, l[i] &= mask26;  // l4 <= 2^26
    h0 = l[0] | l[1] << 26 | l[2] << 52;
    h1 = l[2] >> 12 | l[3] << 14 | l[4] << 40;
    h2 = l[4] >> 24;
  }
};

MEGASEAL_KERNELS_END
