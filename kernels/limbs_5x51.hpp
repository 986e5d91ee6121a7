// What the fields in five limbs of 51 bits share: elements of GF(2^255 - 19) as l0 + l1 2^51 + … + l4 2^204, their
// conversions, selection and table look-up. How they multiply is each field's own.
//
// Types keep carries lazy, so that formulas say where a field may need a carry and each field decides what that
// costs:
//
//   Elem     what may be multiplied
//   Prod     a product, or a sum or difference of a few
//   Biased   a Prod from which another product may be subtracted without more ado: one with a multiple of p on top
//            where the field's sums start there, and the Prod that it is where that would gain nothing
#pragma once
#include "kernels/field_ops.hpp"

MEGASEAL_KERNELS_BEGIN

template <class Word>
struct Limbs5x51 {
  using W = Word;
  using Mask = typename W::Mask;
  static constexpr int num_limbs = 5;
  static constexpr u64 limb_mask = (u64(1) << 51) - 1;

  struct Elem {
    W l[5];
  };
  struct Prod {
    W l[5];
  };
  using Biased = Prod;

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
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) expect_below(e.l[i], u64(1) << 54);
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

  /// What a Prod has to be for norm() to give a factor of any kind. Fields with signed limbs have something to do here.
  static MEGASEAL_INLINE Prod centred(const Prod& a) { return a; }
  static MEGASEAL_INLINE Prod widen(const Elem& a) { return {{a.l[0], a.l[1], a.l[2], a.l[3], a.l[4]}}; }
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

  /// Post: limbs are sums of the limbs.
  static MEGASEAL_INLINE Prod add(const Prod& a, const Prod& b) {
    return {{a.l[0] + b.l[0], a.l[1] + b.l[1], a.l[2] + b.l[2], a.l[3] + b.l[3], a.l[4] + b.l[4]}};
  }
  /// Lane l takes what lane l ^ K had. (Vector words only.)
  template <int K>
  static MEGASEAL_INLINE Elem swap_lanes(const Elem& a) {
    return {{a.l[0].template swap_lanes<K>(), a.l[1].template swap_lanes<K>(),
             a.l[2].template swap_lanes<K>(), a.l[3].template swap_lanes<K>(),
             a.l[4].template swap_lanes<K>()}};
  }

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
  /// Limbs as tables hold them.
  static MEGASEAL_INLINE W limb_bits(const Elem& e, int i) { return e.l[i]; }
  static MEGASEAL_INLINE Elem from_limb_bits(const W (&limbs)[5]) {
    return {{limbs[0], limbs[1], limbs[2], limbs[3], limbs[4]}};
  }

 protected:
  /// One carry out of every limb at once. Pre: limbs below 2^64. Post: limbs below 2^51 + 2^13, limb 0 below
  /// 2^51 + 19 · 2^13 < 2^51 + 2^18.
  static MEGASEAL_INLINE void carry_pass(W (&r)[5], const W (&t)[5]) {
    const W m = W::splat(limb_mask);
    r[0] = (t[0] & m) + t[4].template shr<51>().template times<19>();
#pragma GCC unroll 4
    for (int i = 1; i < 5; i++) r[i] = (t[i] & m) + t[i - 1].template shr<51>();
  }
};

MEGASEAL_KERNELS_END
