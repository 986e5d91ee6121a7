// GF(2^255 - 19) in radix 2^51, for words with 52-bit multiply-add: c + the low, or c + the high 52 bits of a product
// (limbs_5x51.hpp says what a field is).
//
// Products do not carry; norm() does, once for whatever sum or difference of products is to be multiplied next:
//
//   Elem   limbs below 2^51 + 2^17 ("tight"): a multiplicand may have 52 bits
//   Prod   limbs below 2^63; those of mul, sqr, add_mul_small of tight factors below 2^59.5, `biased` 2^61.5
//
// A product costs 50 multiply-adds, a square 30, and one port has them all: everything else is arranged around it.
// High halves have weight 2^52 = 2 · 2^51. They are summed first, doubled in place, and the low halves are added on
// top: one addition a column, where sums apart would take two. Differences need a multiple of p to stay positive; a
// product whose accumulators start there (`biased`) has it for nothing.
//
// Every +, -, shl and product below is exact: the stated bounds keep it from wrapping, and tests/proofs runs this file
// over a word that checks it.
#pragma once
#include "kernels/limbs_5x51.hpp"

MEGASEAL_KERNELS_BEGIN

template <class Word>
struct Field5x51Madd : Limbs5x51<Word> {
  using Base = Limbs5x51<Word>;
  using W = Word;
  using Base::limb_mask;
  using typename Base::Elem;
  using typename Base::Prod;

  // ---- From Prod to Elem

  // What to carry, by limb.
  struct Limbs;
  using BiasedLimbs = Limbs;
  struct Limbs {
    const Prod& a;
    MEGASEAL_INLINE W operator()(int i) const { return a.l[i]; }
  };
  struct Sum {
    const Prod &a, &b;
    MEGASEAL_INLINE W operator()(int i) const { return a.l[i] + b.l[i]; }
  };
  struct BiasedDifference {
    const Prod &a, &b;  // as for sub_biased
    MEGASEAL_INLINE W operator()(int i) const { return a.l[i] - b.l[i]; }
  };

  /// out <- norm(of) in five pieces, i = 0 … 4 in this order, for callers that place one group's carries between
  /// another's multiplications.
  template <class Of>
  struct Norming {
    Elem& out;
    const Of of;
    W carry = W::zero();  // out of the limb before
    MEGASEAL_INLINE void operator()(int i) {
      const W t = of(i);
      out.l[i] = t & W::splat(limb_mask);
      if (i) out.l[i] = out.l[i] + carry;
      carry = t.template shr<51>();
      if (i == 4) out.l[0] = madd52_low(out.l[0], carry, W::splat(19));
    }
  };
  template <class Of>
  static MEGASEAL_INLINE Norming<Of> norming(Elem& out, const Of& of) {
    return {out, of};
  }

  /// One carry out of every limb at once. Pre: limbs below 2^63. Post: limbs below 2^51 + 2^12, limb 0 below
  /// 2^51 + 19 · 2^12 < 2^51 + 2^17.
  static MEGASEAL_INLINE Elem norm(const Prod& a) {
    Elem r;
    auto piece = norming(r, Limbs{a});
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) piece(i);
    return r;
  }
  /// For sums of more than two products: the same here.
  static MEGASEAL_INLINE Elem norm_deep(const Prod& a) { return norm(a); }

  // ---- Sums

  /// a + 2^10 p - b. Pre: limbs of b below 2^61 - 2^15. Post: limbs below a's + 2^61.
  static MEGASEAL_INLINE Prod sub(const Prod& a, const Prod& b) {
    Prod r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + (W::splat(bias(i)) - b.l[i]);
    return r;
  }
  static MEGASEAL_INLINE Prod biased(const Prod& a) {
    Prod r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + W::splat(bias(i));
    return r;
  }
  /// a - b, where a is `biased` and b is a product that is not.
  static MEGASEAL_INLINE Prod sub_biased(const Prod& a, const Prod& b) {
    Prod r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] - b.l[i];
    return r;
  }

  /// a - b, where b is `biased` and a is not.
  static MEGASEAL_INLINE Prod sub_of_biased(const Prod& a, const Prod& b) {
    Prod r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + (W::splat(2 * bias(i)) - b.l[i]);
    return r;
  }

  // ---- Products

  /// What products take along where nothing is to be done beside them.
  struct Nothing {
    MEGASEAL_INLINE void operator()(int) const {}
  };

  /// Pre: a and b tight. Post: with n_k low and m_k high halves in column k, the folded columns are below (n_k + m_k +
  /// 19 (n_k+5 + m_k+5)) 2^52 < 2^59.5. `beside(i)`, i = 0 … 9, is work of someone else's, placed between rows.
  template <bool is_biased = false, class Beside = Nothing>
  static MEGASEAL_INLINE Prod mul(const Elem& a, const Elem& b, Beside&& beside = Beside{}) {
    W c[10];
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++) c[i] = is_biased && i > 0 && i < 5 ? W::splat(bias(i) / 2) : W::zero();
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
      for (int j = 0; j < 5; j++) c[i + j + 1] = madd52_high(c[i + j + 1], a.l[i], b.l[j]);
      beside(i);
    }
#pragma GCC unroll 9
    for (int i = 1; i < 10; i++) c[i] = c[i] + c[i];
    if (is_biased) c[0] = W::splat(bias(0));
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
      for (int j = 0; j < 5; j++) c[i + j] = madd52_low(c[i + j], a.l[i], b.l[j]);
      beside(5 + i);
    }
    return folded(c);
  }

  /// a^2. Pre and post as for mul; products of different limbs are summed once and doubled.
  template <bool is_biased = false, class Beside = Nothing>
  static MEGASEAL_INLINE Prod sqr(const Elem& a, Beside&& beside = Beside{}) {
    W c[10];
    // Columns 2 to 4 are doubled twice from here on, column 1 once.
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++)
      c[i] = is_biased && i > 0 && i < 5 ? W::splat(bias(i) / (i == 1 ? 2 : 4)) : W::zero();
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
      for (int j = i + 1; j < 5; j++) c[i + j + 1] = madd52_high(c[i + j + 1], a.l[i], a.l[j]);
      beside(i);
    }
#pragma GCC unroll 7
    for (int i = 2; i < 9; i++) c[i] = c[i] + c[i];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
      c[2 * i + 1] = madd52_high(c[2 * i + 1], a.l[i], a.l[i]);
#pragma GCC unroll 5
      for (int j = i + 1; j < 5; j++) c[i + j] = madd52_low(c[i + j], a.l[i], a.l[j]);
      beside(5 + i);
    }
#pragma GCC unroll 9
    for (int i = 1; i < 10; i++) c[i] = c[i] + c[i];
    if (is_biased) c[0] = W::splat(bias(0));
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) c[2 * i] = madd52_low(c[2 * i], a.l[i], a.l[i]);
    return folded(c);
  }

  static MEGASEAL_INLINE Prod mul_biased(const Elem& a, const Elem& b) { return mul<true>(a, b); }
  static MEGASEAL_INLINE Prod sqr_biased(const Elem& a) { return sqr<true>(a); }

  /// a + K e. Pre: e tight, K below 2^17. Post: limbs below a's + 2^52 + 38 · 2^17.
  template <u64 K>
  static MEGASEAL_INLINE Prod add_mul_small(const Prod& a, const Elem& e) {
    const W k = W::splat(K);
    Prod r;
    W high[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
      high[i] = madd52_high(W::zero(), e.l[i], k);
      r.l[i] = madd52_low(a.l[i], e.l[i], k);
    }
#pragma GCC unroll 4
    for (int i = 1; i < 5; i++) r.l[i] = r.l[i] + (high[i - 1] + high[i - 1]);
    r.l[0] = madd52_low(r.l[0], high[4], W::splat(38));
    return r;
  }

  /// A factor of many products, in its five rotations: row i is x 2^(51 i), carried, so that only one column of a
  /// product is left to fold.
  struct Fixed {
    Elem row[5];
  };
  static MEGASEAL_INLINE Fixed fixed(const Elem& x) {
    Fixed f;
    f.row[0] = x;
    for (int i = 1; i < 5; i++) {
      const Elem& before = f.row[i - 1];
      const Prod rotated = {
          {before.l[4].template times<19>(), before.l[0], before.l[1], before.l[2], before.l[3]}};
      f.row[i] = norm(rotated);
    }
    return f;
  }
  /// f e. Pre: e tight. Post: limbs below 5 · 2^52 + 5 · 2^52 · 20 < 2^59.
  template <class Beside = Nothing>
  static MEGASEAL_INLINE Prod mul_fixed(const Fixed& f, const Elem& e, Beside&& beside = Beside{}) {
    W c[6];
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) c[i] = W::zero();
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
      for (int j = 0; j < 5; j++) c[j + 1] = madd52_high(c[j + 1], f.row[i].l[j], e.l[i]);
      beside(i);
    }
#pragma GCC unroll 5
    for (int i = 1; i < 6; i++) c[i] = c[i] + c[i];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
      for (int j = 0; j < 5; j++) c[j] = madd52_low(c[j], f.row[i].l[j], e.l[i]);
      beside(5 + i);
    }
    return {{c[0] + c[5].template times<19>(), c[1], c[2], c[3], c[4]}};
  }

 private:
  /// Limb i of 2^10 p.
  static constexpr u64 bias(int i) { return (i ? limb_mask : limb_mask - 18) << 10; }

  /// 2^255 = 19. Shifts and additions for some of these would leave the multiplier free for the next product, and lose all
  /// the same: its port takes shifts as well.
  static MEGASEAL_INLINE Prod folded(const W (&c)[10]) {
    Prod r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = c[i] + c[i + 5].template times<19>();
    return r;
  }
};

MEGASEAL_KERNELS_END
