// GF(2^255 - 19) in radix 2^51, for machines whose widest vector multiplier is that of their floating-point unit: a
// fused multiply-add of doubles multiplies 53 bits by 53, where integer instructions multiply 32 by 32
// (limbs_5x51.hpp says what a field is).
//
// Limbs of factors are signed integers held in doubles. With C = 3 · 2^102, whose neighbours are 2^51 apart,
//
//   fma(a, b, C)                     is C + 2^51 h, h = a b / 2^51 rounded to the nearest integer
//   fma(a, b, (C + 3 · 2^51) - that) is 3 · 2^51 + l, l = a b - 2^51 h, |l| <= 2^50
//
// all of it exact as long as |a b| < 2^102. Doubles in one binade are evenly spaced, so as bit patterns both are a
// constant plus h (or l), and sums of halves are sums of 64-bit integers: two fused multiply-adds, a subtraction and
// two additions for 51 x 51 bits, where products of 32 bits would take four and four additions. The method is that of
// N. Emmart, F. Zheng, C. Weems, Faster modular exponentiation using double precision floating point arithmetic on
// the GPU, ARITH 2018; rounding to the nearest and signed limbs make the high half's weight 2^51, one limb exactly.
//
// RealWord is the vector of doubles; halves() gives 2^51 + h and 2^51 + l, each plus a constant of its own that
// is the RealWord's to name. The constants wrap out of sums modulo 2^64: what is added at the end of a product takes
// them away, together with the 2^51, and leaves a multiple of p that keeps the sum positive.
//
//   Elem    limbs in doubles: at most 2^50 + 2^16 in size where norm() had a Biased, from 0 to 2^51 + 2^16 where it
//           had a Prod. Factors may be of the second kind on one side only; a square's must be of the first.
//   Prod    limbs in 64-bit words, from 0 to 2^62; those of products below 288 · 2^51
//   Biased  the same, plus 2^50: norm() takes that away again after it has carried, which leaves signed limbs. Those
//           of products are at least 352 · 2^51, so that a Prod can be subtracted.
//
// Every sum and product below is exact in the sense above: the stated bounds keep it so, and tests/proofs runs this
// file over words that check it. Rounding must be to the nearest; slots see to it (RealWord::enter).
#pragma once
#include <type_traits>

#include "kernels/limbs_5x51.hpp"

MEGASEAL_KERNELS_BEGIN

/// high = 2^51 + h and low = 2^51 + l, each with its binade's constant on top. Pre: integers, |a b| < 2^102.
template <class W, class R>
MEGASEAL_INLINE void halves(W& high, W& low, R a, R b) {
  constexpr double c = 3.0 * double(u64(1) << 51) * double(u64(1) << 51);  // 3 · 2^102
  const R h = fma(a, b, R::splat(c));
  const R rest = R::splat(c + double(u64(3) << 51)) - h;
  high = h.bits();
  low = fma(a, b, rest).bits();
}

template <class Word, class RealWord>
struct Field5x51Fma {
  using W = Word;
  using R = RealWord;
  using Mask = typename W::Mask;
  using Integers = Limbs5x51<Word>;
  static constexpr int num_limbs = 5;
  static constexpr u64 limb_mask = Integers::limb_mask;

  struct Elem {
    R l[5];
  };
  struct Prod {
    W l[5];
  };
  struct Biased {
    W l[5];
  };

  // ---- Constants and conversions

  /// A small constant, below 2^51.
  static MEGASEAL_INLINE Elem small(u64 c) {
    return {{R::splat(c), R::splat(0), R::splat(0), R::splat(0), R::splat(0)}};
  }

  /// A canonical constant. Post: limbs at most 2^50 + 19 in size.
  static MEGASEAL_INLINE Elem constant(const u64 (&w)[4]) {
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = R::splat(double(signed_limbs(w).l[i]));
    return r;
  }

  /// From 256 bits, of which the topmost is ignored (RFC 7748 §5). Post: limbs from 0 to 2^51.
  static MEGASEAL_INLINE Elem from_words(const W (&w)[4]) {
    const auto e = Integers::from_words(w);
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = R::template from_limb<0>(e.l[i], W::zero());
    return r;
  }
  static MEGASEAL_INLINE void to_words(W (&w)[4], const Elem& e) { Integers::to_words(w, integers(e)); }
  static MEGASEAL_INLINE Mask is_zero(const Elem& e) { return Integers::is_zero(integers(e)); }

  /// Post: limbs below 2^53.
  static MEGASEAL_INLINE Prod widen(const Elem& e) {
    Prod r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = e.l[i].to_low_half() + W::splat(start(i, 1, 0, 2, false));
    return r;
  }

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
  static MEGASEAL_INLINE Biased select(Mask mask, const Biased& a, const Biased& b) {
    Biased r;
    select_limbs(r.l, mask, a.l, b.l);
    return r;
  }

  /// Lane l takes what lane l ^ K had.
  template <int K>
  static MEGASEAL_INLINE Elem swap_lanes(const Elem& a) {
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i].template swap_lanes<K>();
    return r;
  }

  // ---- Across lanes: for four numbers of one item (x25519_across.hpp)

  /// In the lanes of LANES b's, else a's.
  template <int LANES>
  static MEGASEAL_INLINE Elem take_lanes(const Elem& a, const Elem& b) {
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i].template take_lanes<LANES>(b.l[i]);
    return r;
  }
  /// a + b in the lanes of LANES, else a.
  template <int LANES>
  static MEGASEAL_INLINE Biased add_lanes(const Biased& a, const Prod& b) {
    Biased r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + W::zero().template take_lanes<LANES>(b.l[i]);
    return r;
  }
  /// Of lanes 2 k and 2 k + 1, in both: the difference in the lanes of DIFFERENCES, else the sum. Pre: limbs below
  /// 1,020 · 2^51.
  template <int DIFFERENCES>
  static MEGASEAL_INLINE Biased sums_and_differences(const Biased& v) {
    Biased r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
      const W a = v.l[i].even_lanes(), b = v.l[i].odd_lanes();
      const W sum = a + (b - W::splat(centre)), difference = a + (W::splat(start(i, 0, 0, 1024, true)) - b);
      r.l[i] = sum.template take_lanes<DIFFERENCES>(difference);
    }
    return r;
  }

  // ---- From Prod to Elem

  /// Pre: limbs below 2^62. Post: with carries below 2^11, limbs below 2^51 + 2^11, limb 0 below 2^51 + 19 · 2^11 <
  /// 2^51 + 2^16; of a Biased, less 2^50.
  static MEGASEAL_INLINE Elem norm(const Prod& a) { return carried<0>(a.l); }
  static MEGASEAL_INLINE Elem norm(const Biased& a) { return carried<centre>(a.l); }
  /// For sums of more than two products: the same here.
  template <class P>
  static MEGASEAL_INLINE Elem norm_deep(const P& a) {
    return norm(a);
  }

  // ---- Sums. Of limbs; where a Prod is subtracted, with a bias added or had.

  static MEGASEAL_INLINE Prod add(const Prod& a, const Prod& b) {
    Prod r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + b.l[i];
    return r;
  }
  static MEGASEAL_INLINE Biased add(const Biased& a, const Prod& b) {
    Biased r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + b.l[i];
    return r;
  }
  static MEGASEAL_INLINE Biased sub_biased(const Biased& a, const Prod& b) {
    Biased r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] - b.l[i];
    return r;
  }
  /// Pre: limbs of b below 1,020 · 2^51. Post: limbs below a's + 2^61.
  static MEGASEAL_INLINE Biased sub(const Prod& a, const Prod& b) {
    Biased r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + (W::splat(start(i, 0, 0, 1024, true)) - b.l[i]);
    return r;
  }
  static MEGASEAL_INLINE Biased sub_of_biased(const Prod& a, const Biased& b) {
    Biased r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + (W::splat(start(i, 0, 0, 1024, true) + centre) - b.l[i]);
    return r;
  }
  static MEGASEAL_INLINE Biased biased(const Prod& a) {
    Biased r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + W::splat(start(i, 0, 0, biased_multiple, true));
    return r;
  }
  /// A Prod whose norm() is to have signed limbs.
  static MEGASEAL_INLINE Biased centred(const Prod& a) { return biased(a); }

  // ---- Products

  template <bool is_biased>
  using ProdOrBiased = std::conditional_t<is_biased, Biased, Prod>;

  /// Column by column, because few sums are alive at a time then.
  template <bool is_biased = false>
  static MEGASEAL_INLINE ProdOrBiased<is_biased> mul(const Elem& a, const Elem& b) {
    Columns c;
#pragma GCC unroll 9
    for (int k = 0; k < 9; k++) {
#pragma GCC unroll 5
      for (int i = 0; i < 5; i++)  // constant bounds: clang 14 would leave a loop otherwise
        if (k - i >= 0 && k - i < 5) c.add_product(k, a.l[i], b.l[k - i]);
    }
    return c.template folded<false, is_biased>();
  }

  template <bool is_biased = false>
  static MEGASEAL_INLINE ProdOrBiased<is_biased> sqr(const Elem& a) {
    Columns c;
    const R twice[4] = {a.l[0] + a.l[0], a.l[1] + a.l[1], a.l[2] + a.l[2], a.l[3] + a.l[3]};
#pragma GCC unroll 9
    for (int k = 0; k < 9; k++) {
#pragma GCC unroll 5
      for (int i = 0; i < 5; i++)
        if (2 * i <= k && k - i < 5) c.add_product(k, 2 * i == k ? a.l[i] : twice[i < 4 ? i : 0], a.l[k - i]);
    }
    return c.template folded<true, is_biased>();
  }

  static MEGASEAL_INLINE Biased mul_biased(const Elem& a, const Elem& b) { return mul<true>(a, b); }
  static MEGASEAL_INLINE Biased sqr_biased(const Elem& a) { return sqr<true>(a); }

  /// a + K e. Pre: K below 2^17. Post: limbs below a's + 2^56.
  template <u64 K>
  static MEGASEAL_INLINE Biased add_mul_small(const Biased& a, const Elem& e) {
    const R k = R::splat(double(K));
    W high[5], low[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) halves(high[i], low[i], e.l[i], k);
    Biased r;
    r.l[0] = a.l[0] + low[0] + W::splat(start(0, 1, 19, 32, false)) + high[4].template times<19>();
#pragma GCC unroll 4
    for (int i = 1; i < 5; i++) r.l[i] = a.l[i] + low[i] + W::splat(start(i, 1, 1, 32, false)) + high[i - 1];
    return r;
  }

  /// A factor of many products, in its five rotations: row i is x 2^(51 i), carried, so that only one column of a
  /// product is left to fold.
  struct Fixed {
    Elem row[5];
  };
  static MEGASEAL_INLINE Fixed fixed(const Elem& x) {
    Fixed f;
    Prod t = widen(x);
    for (int i = 0; i < 5; i++) {
      f.row[i] = norm(biased(t));
      const Prod p = widen(f.row[i]);
      t = {{p.l[4].template times<19>(), p.l[0], p.l[1], p.l[2], p.l[3]}};
    }
    return f;
  }
  static MEGASEAL_INLINE Prod mul_fixed(const Fixed& f, const Elem& e) {
    W c[6];
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++) {
#pragma GCC unroll 5
      for (int i = 0; i < 5; i++) {
        W high, low;
        halves(high, low, f.row[i].l[j], e.l[i]);
        c[j] = i || j ? c[j] + low : low;
        c[j + 1] = i ? c[j + 1] + high : high;
        pin(c[j]);
        pin(c[j + 1]);
      }
    }
    Prod r;
    r.l[0] = c[0] + W::splat(start(0, 5, 5 * 19, prod_multiple, false)) + c[5].template times<19>();
#pragma GCC unroll 4
    for (int i = 1; i < 5; i++) r.l[i] = c[i] + W::splat(start(i, 5, 5, prod_multiple, false));
    return r;
  }

  // ---- Table look-up

  /// One coordinate of N table entries, limb by limb, as the bits of doubles.
  template <int N>
  struct Column {
    u64 limb[5][N];
  };
  template <int N>
  static constexpr void put(Column<N>& column, int entry, const u64 (&w)[4]) {
    const Signed s = signed_limbs(w);
    for (int i = 0; i < 5; i++) column.limb[i][entry] = __builtin_bit_cast(u64, double(s.l[i]));
  }
  template <int N>
  using Selector = typename W::template Selector<N>;
  /// Post: limbs at most 2^50 + 19 in size.
  template <int N>
  static MEGASEAL_INLINE Elem lookup(const Column<N>& column, const Selector<N>& index) {
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.l[i] = R::template lookup<N>(column.limb[i], index);
    return r;
  }
  /// Limbs as tables hold them.
  static MEGASEAL_INLINE W limb_bits(const Elem& e, int i) { return e.l[i].bits(); }
  static MEGASEAL_INLINE Elem from_limb_bits(const W (&limbs)[5]) {
    return {{R::from_bits(limbs[0]), R::from_bits(limbs[1]), R::from_bits(limbs[2]), R::from_bits(limbs[3]),
             R::from_bits(limbs[4])}};
  }

 private:
  struct Signed {
    int64_t l[5];
  };
  /// What is above 2^50 borrows from the limb above; out of limb 4 comes 2^255 = 19.
  static constexpr Signed signed_limbs(const u64 (&w)[4]) {
    Signed s{};
    for (int i = 0; i < 5; i++) s.l[i] = int64_t(Integers::pack(w, i));
    for (int i = 0; i < 5; i++) {
      if (s.l[i] <= int64_t(1) << 50) continue;
      s.l[i] -= int64_t(1) << 51;
      s.l[(i + 1) % 5] += i < 4 ? 1 : 19;
    }
    return s;
  }

  /// What a Biased has on top of each limb for the sake of signs.
  static constexpr u64 centre = u64(1) << 50;
  // Multiples of p in a Prod and in a Biased of products: more than the 77 + 95 times 2^51 that come with the halves
  // of limb 0, and more than a Prod's limbs on top of what a sum of halves may be below 0.
  static constexpr u64 prod_multiple = 192, biased_multiple = 512;

  /// What takes `low` and `high` halves' constants out of limb i of a sum, and puts n p and the centre in.
  static constexpr u64 start(int i, u64 low, u64 high, u64 n, bool is_centred) {
    const u64 limb = i ? limb_mask : limb_mask - 18;
    return n * limb + (is_centred ? centre : 0) - (low + high) * (u64(1) << 51) - low * R::low_offset -
           high * R::high_offset;
  }

  /// One carry out of every limb at once.
  template <u64 CENTRE>
  static MEGASEAL_INLINE Elem carried(const W (&t)[5]) {
    const W m = W::splat(limb_mask);
    const W last = mul_low32(t[4].template shr<51>(), W::splat(19));
    Elem r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++)
      r.l[i] = R::template from_limb<CENTRE>(t[i] & m, i ? t[i - 1].template shr<51>() : last);
    return r;
  }

  static MEGASEAL_INLINE typename Integers::Elem integers(const Elem& e) {
    const Prod p = widen(e);
    return {{p.l[0], p.l[1], p.l[2], p.l[3], p.l[4]}};
  }

  /// The products in column k: i + j = k; for squares i <= j.
  static constexpr u64 products_in(int k, bool square) {
    u64 n = 0;
    for (int i = 0; i < 5; i++)
      for (int j = square ? i : 0; j < 5; j++) n += i + j == k;
    return n;
  }

  struct Columns {
    W c[10];
    bool any[10] = {};
    MEGASEAL_INLINE void add_product(int k, const R& a, const R& b) {
      W high, low;
      halves(high, low, a, b);
      c[k] = any[k] ? c[k] + low : low;
      c[k + 1] = any[k + 1] ? c[k + 1] + high : high;
      any[k] = any[k + 1] = true;
      pin(c[k]);
      pin(c[k + 1]);
    }
    template <bool square, bool is_biased>
    MEGASEAL_INLINE ProdOrBiased<is_biased> folded() const {
      ProdOrBiased<is_biased> r;
#pragma GCC unroll 5
      for (int k = 0; k < 5; k++) {
        const u64 low = products_in(k, square) + 19 * products_in(k + 5, square);
        const u64 high = products_in(k - 1, square) + 19 * products_in(k + 4, square);
        const u64 n = is_biased ? biased_multiple : prod_multiple;
        r.l[k] = c[k] + W::splat(start(k, low, high, n, is_biased)) + c[k + 5].template times<19>();
      }
      return r;
    }
  };
};

MEGASEAL_KERNELS_END
