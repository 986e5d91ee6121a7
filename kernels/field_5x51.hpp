// GF(2^255 - 19) in radix 2^51: five 64-bit limbs, for words with 64 x 64 -> 128-bit products.
//
// A value is l0 + l1 2^51 + l2 2^102 + l3 2^153 + l4 2^204, in one of two types, so that the curve formulas
// say where a field may need a carry and each field decides what that costs:
//
//   Prod   a product, or a sum or difference of a few
//   Elem   what may be multiplied
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
#include "kernels/field_ops.hpp"

MEGASEAL_KERNELS_BEGIN

template <class Word>
struct Field5x51 {
  using W = Word;
  using Mask = typename W::Mask;
  using Wide = decltype(mul_wide(W{}, W{}));
  static constexpr int num_limbs = 5;
  static constexpr u64 limb_mask = (u64(1) << 51) - 1;

  struct Elem {
    W l[5];
  };
  struct Prod {
    W l[5];
  };

  // ---- Constants and conversions

  /// A small constant, below 2^51.
  static MEGASEAL_INLINE Elem small(u64 c) {
    return {{W::splat(c), W::zero(), W::zero(), W::zero(), W::zero()}};
  }

  /// The limbs of a canonical 255-bit constant given as four 64-bit words, at compile time.
  static constexpr u64 pack(const u64 (&w)[4], int limb) {
    const int bit = 51 * limb, word = bit / 64, shift = bit % 64;
    u64 v = w[word] >> shift;
    if (shift > 13 && word < 3) v |= w[word + 1] << (64 - shift);
    return v & limb_mask;
  }
  static MEGASEAL_INLINE Elem constant(const u64 (&w)[4]) {
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = W::splat(pack(w, i));
    return r;
  }

  /// From 256 bits, of which the topmost is ignored (RFC 7748 §5); values from p to 2^255 - 1 are taken as
  /// they are. Post: limbs below 2^51. shl_bits, because bits that leave at the top belong to the limb
  /// before.
  static MEGASEAL_INLINE Elem from_words(const W (&w)[4]) {
    const W m = W::splat(limb_mask);
    return {{w[0] & m, (w[0].template shr<51>() | w[1].shl_bits(13)) & m,
             (w[1].template shr<38>() | w[2].shl_bits(26)) & m,
             (w[2].template shr<25>() | w[3].shl_bits(39)) & m, w[3].template shr<12>() & m}};
  }

  /// The one representative below p.
  /// Pre: limbs below 2^54. Post: limbs below 2^51, value below p.
  static MEGASEAL_INLINE Elem freeze(const Elem& e) {
    const W m = W::splat(limb_mask);
    // First pass: limbs below 2^51 + 8 · 19. Second: limbs at most 2^51, limb 0 below 2^51 + 19; value below
    // 2p.
    W a[5], t[5];
    carry_pass(t, e.l);
    carry_pass(a, t);
    // q = floor((value + 19) / 2^255) is 1 exactly if value >= p; subtracting q p is adding 19 q and dropping
    // bit 255.
    W q = W::splat(19);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) q = (a[i] + q).template shr<51>();
    W c = q.template times<19>();
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
      const W s = a[i] + c;
      r.l[i] = s & m;
      c = s.template shr<51>();
    }
    return r;
  }

  /// Canonical little-endian words. Pre: limbs below 2^54.
  static MEGASEAL_INLINE void to_words(W (&w)[4], const Elem& e) {
    const Elem a = freeze(e);
    w[0] = a.l[0] | a.l[1].shl_bits(51);
    w[1] = a.l[1].template shr<13>() | a.l[2].shl_bits(38);
    w[2] = a.l[2].template shr<26>() | a.l[3].shl_bits(25);
    w[3] = a.l[3].template shr<39>() | a.l[4].template shl<12>();
  }

  /// Whether the value is 0 mod p. Pre: limbs below 2^54.
  static MEGASEAL_INLINE Mask is_zero(const Elem& e) {
    const Elem a = freeze(e);
    return (a.l[0] | a.l[1] | a.l[2] | a.l[3] | a.l[4]).is_zero();
  }

  // ---- Between the two types

  static MEGASEAL_INLINE Prod widen(const Elem& a) { return {{a.l[0], a.l[1], a.l[2], a.l[3], a.l[4]}}; }
  /// A sum or difference of two products as a factor. Free: limbs are below 2^53.
  static MEGASEAL_INLINE Elem norm(const Prod& a) { return {{a.l[0], a.l[1], a.l[2], a.l[3], a.l[4]}}; }
  /// The same for up to four terms, at most two of them subtracted. Free: limbs are below 2^54.
  static MEGASEAL_INLINE Elem norm_deep(const Prod& a) { return norm(a); }

  /// mask ? b : a
  static MEGASEAL_INLINE Elem select(Mask mask, const Elem& a, const Elem& b) {
    Elem r;
    select_limbs(r.l, mask, a.l, b.l);
    return r;
  }
  static MEGASEAL_INLINE Prod select(Mask mask, const Prod& a, const Prod& b) {
    Prod r;
    select_limbs(r.l, mask, a.l, b.l);
    return r;
  }

  // ---- Sums

  /// Post: limbs are sums of the limbs.
  static MEGASEAL_INLINE Prod add(const Prod& a, const Prod& b) {
    return {{a.l[0] + b.l[0], a.l[1] + b.l[1], a.l[2] + b.l[2], a.l[3] + b.l[3], a.l[4] + b.l[4]}};
  }
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

  // ---- Table look-up

  /// One coordinate of N table entries, limb by limb: the order in which vector words permute.
  template <int N>
  struct Column {
    u64 limb[5][N];
  };
  template <int N>
  static constexpr void put(Column<N>& column, int entry, const u64 (&w)[4]) {
    for (int i = 0; i < 5; i++) column.limb[i][entry] = pack(w, i);
  }
  template <int N>
  using Selector = typename W::template Selector<N>;
  /// Post: limbs below 2^51.
  template <int N>
  static MEGASEAL_INLINE Elem lookup(const Column<N>& column, const Selector<N>& index) {
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = W::template lookup<N>(column.limb[i], index);
    return r;
  }

 private:
  /// One carry out of every limb at once. Pre: limbs below 2^64. Post: limbs below 2^51 + 2^13, limb 0 below
  /// 2^51 + 19 · 2^13 < 2^51 + 2^18.
  static MEGASEAL_INLINE void carry_pass(W (&r)[5], const W (&t)[5]) {
    const W m = W::splat(limb_mask);
    r[0] = (t[0] & m) + t[4].template shr<51>().template times<19>();
#pragma GCC unroll 4
    for (int i = 1; i < 5; i++) r[i] = (t[i] & m) + t[i - 1].template shr<51>();
  }

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
      carry_pass(r.l, t);
      return r;
    }
  };
};

MEGASEAL_KERNELS_END
