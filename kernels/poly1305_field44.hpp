// The field of Poly1305, 2^130 - 5, in three limbs of 44, 44 and 42 bits: for words with 52-bit multiply-add.
//
// An element is l0 + 2^44·l1 + 2^88·l2. Limb products of weight 2^132 return to weight 1 times 20, as
// 2^132 = 4·2^130 = 4·5 (mod p). The multiply-add gives a product's low and high 52 bits apart; the high ones weigh
// 2^52 = 2^8·2^44, so they join the next limb shifted by 8.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

template <class W>
struct Poly1305Field44 {
  using Word = W;
  static constexpr int limbs = 3;
  /// From so many blocks on poly1305_along.hpp beats a scalar word (measured).
  static constexpr u64 min_blocks_along = 36;
  static constexpr u64 mask44 = (u64(1) << 44) - 1, mask42 = (u64(1) << 42) - 1;
  /// 2^128 in the top limb: the 1 that follows a whole block.
  static constexpr u64 top_bit = u64(1) << 40;

  /// Reduced: l0 < 2^44, l1 < 2^44 + 2^12, l2 < 2^42. A block: each < 2^44, 2^44, 2^41. Factors of mul_add: the sum of a
  /// reduced element and a block or two, limbs < 2^46.
  struct Elem {
    W l[3];
  };
  /// What mul_add multiplies by: a reduced element, and 20·l1, 20·l2 < 2^49.
  struct Factor {
    W r0, r1, r2, s1, s2;
  };
  struct Sum {
    W low[3], high[3];
  };

  static MEGASEAL_INLINE Elem zero() { return {{W::zero(), W::zero(), W::zero()}}; }
  /// lo + 2^64·hi, any 128 bits.
  static MEGASEAL_INLINE Elem from(W lo, W hi) {
    const W m = W::splat(mask44);
    return {{lo & m, (lo.template shr<44>() | hi.template shl_drop<20>()) & m, hi.template shr<24>()}};
  }
  static MEGASEAL_INLINE void add_top(Elem& e, W bit) { e.l[2] = e.l[2] + bit; }
  static MEGASEAL_INLINE W times20(W x) { return x.template shl<2>() + x.template shl<4>(); }
  static MEGASEAL_INLINE Factor factor(const Elem& r) {
    return {r.l[0], r.l[1], r.l[2], times20(r.l[1]), times20(r.l[2])};
  }

  static MEGASEAL_INLINE Sum no_sum() {
    const W z = W::zero();
    return {{z, z, z}, {z, z, z}};
  }
  /// t += a·m. Each call adds three products to each of six words: of factors < 2^46 and < 2^49 the low part is below
  /// 2^52 and the high one below 2^43, so four calls leave low < 12·2^52 and high < 12·2^43.
  static MEGASEAL_INLINE void mul_add(Sum& t, const Elem& a, const Factor& m) {
    column<0>(t, a.l[0], m.r0), column<1>(t, a.l[0], m.r1), column<2>(t, a.l[0], m.r2);
    column<0>(t, a.l[1], m.s2), column<1>(t, a.l[1], m.r0), column<2>(t, a.l[1], m.r1);
    column<0>(t, a.l[2], m.s1), column<1>(t, a.l[2], m.s2), column<2>(t, a.l[2], m.r0);
  }
  /// The sum, reduced. Pre: low < 2^56, high < 2^48.
  static MEGASEAL_INLINE Elem reduce(const Sum& t) {
    const W m44 = W::splat(mask44), m42 = W::splat(mask42);
    const W l1 = t.low[1] + t.high[0].template shl<8>() + t.low[0].template shr<44>();
    const W l2 = t.low[2] + t.high[1].template shl<8>() + l1.template shr<44>();
    // The third limb holds 42 bits: what leaves it, and the third high part at 2^140 = 2^10·2^130, return times 5.
    const W c = t.high[2].template shl<10>() + l2.template shr<42>();
    const W l0 = (t.low[0] & m44) + c + c.template shl<2>();
    return {{l0 & m44, (l1 & m44) + l0.template shr<44>(), l2 & m42}};
  }

  /// The number mod 2^130 - 5, modulo 2^128, as lo + 2^64·hi. Pre: reduced.
  static MEGASEAL_INLINE void canonical(W& lo, W& hi, const Elem& e) {
    const W m44 = W::splat(mask44), m42 = W::splat(mask42);
    W h0 = e.l[0], h1 = e.l[1], h2 = e.l[2];
    h2 = h2 + h1.template shr<44>(), h1 = h1 & m44;
    const W c = h2.template shr<42>();
    h2 = h2 & m42, h0 = h0 + c + c.template shl<2>();
    h1 = h1 + h0.template shr<44>(), h0 = h0 & m44;
    // Now below 2p, or so close above 2^130 that h1 alone carries: q = 1 where h >= p, that is where h + 5 reaches bit 130.
    W q = (h0 + W::splat(5)).template shr<44>();
    q = (h1 + q).template shr<44>();
    q = (h2 + q).template shr<42>();
    h0 = h0 + q + q.template shl<2>();
    h1 = h1 + h0.template shr<44>(), h0 = h0 & m44;
    h2 = h2 + h1.template shr<44>(), h1 = h1 & m44;
    lo = h0 | h1.template shl_drop<44>();
    hi = h1.template shr<20>() | h2.template shl_drop<24>();
  }

  /// To and from 64-bit limbs h0 + 2^64·h1 + 2^128·h2, h2 <= 4, as kernels/poly1305.hpp has them between blocks.
  template <class Number>
  static MEGASEAL_INLINE void split(Number (&l)[3], Number h0, Number h1, Number h2) {
    l[0] = h0 & mask44;
    l[1] = (h0 >> 44 | h1 << 20) & mask44;
    l[2] = h1 >> 24 | h2 << 40;
  }
  /// Pre: limbs < 2^60.
  template <class Number>
  static MEGASEAL_INLINE void join(Number& h0, Number& h1, Number& h2, Number (&l)[3]) {
    l[1] += l[0] >> 44, l[0] &= mask44;
    l[2] += l[1] >> 44, l[1] &= mask44;
    l[0] += 5 * (l[2] >> 42), l[2] &= mask42;
    l[1] += l[0] >> 44, l[0] &= mask44;
    l[2] += l[1] >> 44, l[1] &= mask44;  // l2 <= 2^42
    h0 = l[0] | l[1] << 44;
    h1 = l[1] >> 20 | l[2] << 24;
    h2 = l[2] >> 40;
  }

 private:
  template <int kLimb>
  static MEGASEAL_INLINE void column(Sum& t, W a, W b) {
    t.low[kLimb] = madd52_low(t.low[kLimb], a, b);
    t.high[kLimb] = madd52_high(t.high[kLimb], a, b);
  }
};

MEGASEAL_KERNELS_END
