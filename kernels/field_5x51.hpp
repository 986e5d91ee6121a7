// GF(2^255 - 19) in radix 2^51, for words with 64 x 64 -> 128-bit products (limbs_5x51.hpp says what a field is).
//
// This field carries at the end of every product and leaves enough room above to make norm() free:
//
//   mul, sqr, add_mul_small return limbs below 2^51 + 2^18              ("tight")
//   add and sub of up to three of those stay below 2^54                 (the bound on either factor of mul)
//
// The products use the idea of the vector unit's 52-bit multiply-add: with one factor shifted left by 10, a
// product's high register is already the carry in units of 2^54, and its low register holds the rest above
// ten zeros. So the carry out of a 128-bit column costs one shift and one lea instead of a double-width shift
// and a mask.
//
// Every +, -, shl, times and product below is exact: the stated bounds keep it from wrapping, and
// tests/proofs runs this file over a word that checks it.
#pragma once
#include "kernels/limbs_5x51.hpp"

MEGASEAL_KERNELS_BEGIN

template <class Word>
struct Field5x51 : Limbs5x51<Word> {
  using Base = Limbs5x51<Word>;
  using W = Word;
  using Wide = decltype(mul_wide(W{}, W{}));
  using Base::limb_mask;
  using typename Base::Elem;
  using typename Base::Prod;

  /// A sum or difference of two products as a factor. Free: limbs are below 2^53.
  static MEGASEAL_INLINE Elem norm(const Prod& a) { return {{a.l[0], a.l[1], a.l[2], a.l[3], a.l[4]}}; }
  /// The same for up to four terms, at most two of them subtracted. Free: limbs are below 2^54.
  static MEGASEAL_INLINE Elem norm_deep(const Prod& a) { return norm(a); }

  // ---- Sums

  /// a + 2p - b. Pre: b tight (2p has limbs 2^52 - 38 and 2^52 - 2). Post: limbs below a's + 2^52.
  static MEGASEAL_INLINE Prod sub(const Prod& a, const Prod& b) {
    const W p0 = W::splat(2 * (limb_mask - 18)), p1 = W::splat(2 * limb_mask);
    return {{a.l[0] + (p0 - b.l[0]), a.l[1] + (p1 - b.l[1]), a.l[2] + (p1 - b.l[2]), a.l[3] + (p1 - b.l[3]),
             a.l[4] + (p1 - b.l[4])}};
  }

  // ---- Products

  /// Pre: limbs of both below 2^54 (so that a column, 77 · 2^108 < 2^114.3, stays below 2^124.3 with the
  /// shift). Post: tight.
  static MEGASEAL_INLINE Prod mul(const Elem& f, const Elem& g) {
    const W a0 = f.l[0].template shl<10>(), a1 = f.l[1].template shl<10>(), a2 = f.l[2].template shl<10>(),
            a3 = f.l[3].template shl<10>(), a4 = f.l[4].template shl<10>();
    const W b0 = g.l[0], b1 = g.l[1], b2 = g.l[2], b3 = g.l[3], b4 = g.l[4];
    // 2^255 = 19: what wraps past limb 4 comes in at limb 0 with weight 19.
    const W w1 = b1.template times<19>(), w2 = b2.template times<19>(), w3 = b3.template times<19>(),
            w4 = b4.template times<19>();
    Columns t;
    t.column4(mul_add(mul_add(mul_add(mul_add(mul_wide(a0, b4), a1, b3), a2, b2), a3, b1), a4, b0));
    t.column0(mul_add(mul_add(mul_add(mul_add(mul_wide(a0, b0), a1, w4), a2, w3), a3, w2), a4, w1));
    t.column1(mul_add(mul_add(mul_add(mul_add(mul_wide(a0, b1), a1, b0), a2, w4), a3, w3), a4, w2));
    t.column2(mul_add(mul_add(mul_add(mul_add(mul_wide(a0, b2), a1, b1), a2, b0), a3, w4), a4, w3));
    t.column3(mul_add(mul_add(mul_add(mul_add(mul_wide(a0, b3), a1, b2), a2, b1), a3, b0), a4, w4));
    return t.carried();
  }

  /// Pre: limbs below 2^53, one bit less than mul, because doubled limbs are shifted too. Post: tight.
  static MEGASEAL_INLINE Prod sqr(const Elem& f) {
    const W b0 = f.l[0], b1 = f.l[1], b2 = f.l[2], b3 = f.l[3], b4 = f.l[4];
    const W a0 = b0.template shl<10>(), a1 = b1.template shl<10>(), a2 = b2.template shl<10>(),
            a3 = b3.template shl<10>(), a4 = b4.template shl<10>();
    const W d0 = b0.template shl<11>(), d1 = b1.template shl<11>(), d2 = b2.template shl<11>(),
            d3 = b3.template shl<11>();
    const W w3 = b3.template times<19>(), w4 = b4.template times<19>();
    Columns t;
    t.column4(mul_add(mul_add(mul_wide(d0, b4), d1, b3), a2, b2));
    t.column0(mul_add(mul_add(mul_wide(a0, b0), d1, w4), d2, w3));
    t.column1(mul_add(mul_add(mul_wide(d0, b1), d2, w4), a3, w3));
    t.column2(mul_add(mul_add(mul_wide(d0, b2), a1, b1), d3, w4));
    t.column3(mul_add(mul_add(mul_wide(d0, b3), d1, b2), a4, w4));
    return t.carried();
  }

  /// a + K e. Pre: a tight, limbs of e below 2^53, K below 2^17. Post: limbs below 2^52 + 2^25, a legal
  /// factor. K shifted by 13 splits every product at 2^51; the low parts are below 2^51, the carries below
  /// 2^19.
  template <u64 K>
  static MEGASEAL_INLINE Prod add_mul_small(const Prod& a, const Elem& e) {
    const W k = W::splat(K << 13);
    const Wide c0 = mul_wide(e.l[0], k), c1 = mul_wide(e.l[1], k), c2 = mul_wide(e.l[2], k),
               c3 = mul_wide(e.l[3], k), c4 = mul_wide(e.l[4], k);
    return {
        {a.l[0] + c0.low().template shr<13>() + c4.high().template times<19>(),
         a.l[1] + c1.low().template shr<13>() + c0.high(), a.l[2] + c2.low().template shr<13>() + c1.high(),
         a.l[3] + c3.low().template shr<13>() + c2.high(), a.l[4] + c4.low().template shr<13>() + c3.high()}};
  }

  // Fields whose accumulators can start at a multiple of p make differences of such products cheaper. Here a
  // difference costs the same either way, so these are the plain operations under the names the ladder uses.
  static MEGASEAL_INLINE Prod biased(const Prod& a) { return a; }
  static MEGASEAL_INLINE Prod mul_biased(const Elem& a, const Elem& b) { return mul(a, b); }
  static MEGASEAL_INLINE Prod sqr_biased(const Elem& a) { return sqr(a); }
  static MEGASEAL_INLINE Prod sub_biased(const Prod& a, const Prod& b) { return sub(a, b); }
  static MEGASEAL_INLINE Prod sub_of_biased(const Prod& a, const Prod& b) { return sub(a, b); }
  // Nor is there anything to prepare in a factor of many products.
  using Fixed = Elem;
  static MEGASEAL_INLINE Fixed fixed(const Elem& a) { return a; }
  static MEGASEAL_INLINE Prod mul_fixed(const Fixed& a, const Elem& b) { return mul(a, b); }

 private:
  /// Five columns times 2^10 on their way to limbs. Pre: columns below 2^124.3 and column 4, which nothing
  /// wraps into, below 2^120.4. The high words count 2^54 = 8 · 2^51: 8 · 2^60.3 + 2^54 and 19 · 8 · 2^56.4 +
  /// 2^54 are below 2^64.
  ///
  /// Called in the order 4, 0, 1, 2, 3, so that a column is taken apart as soon as it is summed and only one
  /// 128-bit sum is alive at a time: sixteen registers hold no more beside the factors.
  struct Columns {
    W t[5];
    MEGASEAL_INLINE void column4(const Wide& c) {
      t[4] = c.low().template shr<10>();
      t[0] = c.high().template times<8 * 19>();
    }
    MEGASEAL_INLINE void column0(const Wide& c) {
      t[0] = t[0] + c.low().template shr<10>();
      t[1] = c.high().template shl<3>();
    }
    MEGASEAL_INLINE void column1(const Wide& c) {
      t[1] = t[1] + c.low().template shr<10>();
      t[2] = c.high().template shl<3>();
    }
    MEGASEAL_INLINE void column2(const Wide& c) {
      t[2] = t[2] + c.low().template shr<10>();
      t[3] = c.high().template shl<3>();
    }
    MEGASEAL_INLINE void column3(const Wide& c) {
      t[3] = t[3] + c.low().template shr<10>();
      t[4] = t[4] + c.high().template shl<3>();
    }
    /// Post: tight.
    MEGASEAL_INLINE Prod carried() const {
      Prod r;
      Base::carry_pass(r.l, t);
      return r;
    }
  };
};

MEGASEAL_KERNELS_END
