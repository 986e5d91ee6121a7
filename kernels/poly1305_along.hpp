// Poly1305 (RFC 8439 §2.5) along one long message: a field's word holds L consecutive blocks.
//
// With four words of blocks M0 … M3 a turn is h = (h + M0)·r^4L + M1·r^3L + M2·r^2L + M3·r^L in every lane, one
// reduction. At the end lane by lane the last multiplier is r^L … r^1 instead of r^L, and the lanes' sum is what the
// blocks one after the other would have given.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

template <class F>
struct Poly1305Along {
  using W = typename F::Word;
  using Elem = typename F::Elem;
  using Factor = typename F::Factor;
  static constexpr int L = W::lanes;
  static constexpr u64 turn = 4 * L;
  /// From so many blocks on it pays: the powers cost some eight multiplications. Measured against the scalar word.
  static constexpr u64 min_blocks = F::min_blocks_along;

  Factor whole[4];  // r^L, r^2L, r^3L, r^4L in every lane
  Factor last;      // r^(L - b) where block b is
  bool ready = false;

  static MEGASEAL_INLINE Elem plus(Elem a, const Elem& b) {
#pragma GCC unroll 8
    for (int i = 0; i < F::limbs; i++) a.l[i] = a.l[i] + b.l[i];
    return a;
  }
  static MEGASEAL_INLINE Elem mul(const Elem& a, const Elem& b) {
    auto t = F::no_sum();
    F::mul_add(t, a, F::factor(b));
    return F::reduce(t);
  }
  /// e in the lanes where L - 1 - b has this bit, b the lane's block number, and 1 in the others: r^(L - b) is r times
  /// r^(2^bit) for each bit of L - 1 - b.
  static MEGASEAL_INLINE Elem where_bit(const Elem& e, int bit) {
    alignas(64) u64 on[L], one[L];
    for (int l = 0; l < L; l++) {
      const bool set = (L - 1 - W::block_of_lane(l)) >> bit & 1;
      on[l] = set ? ~u64(0) : 0;
      one[l] = set ? 0 : 1;
    }
    Elem out;
    const W m = W::load(on);
#pragma GCC unroll 8
    for (int i = 0; i < F::limbs; i++) out.l[i] = e.l[i] & m;
    out.l[0] = out.l[0] + W::load(one);
    return out;
  }

  template <class Number>
  MEGASEAL_NOINLINE void prepare(Number r0, Number r1) {
    Elem r = F::from(W::splat(r0), W::splat(r1)), mixed = r;
    for (int bit = 0; 1 << bit < L; bit++) {
      mixed = mul(mixed, where_bit(r, bit));
      r = mul(r, r);
    }
    last = F::factor(mixed);
    whole[0] = F::factor(r);  // r^L
    const Elem r2 = mul(r, r);
    whole[1] = F::factor(r2);
    whole[2] = F::factor(mul(r2, r));
    whole[3] = F::factor(mul(r2, r2));
    ready = true;
  }

  static MEGASEAL_INLINE Elem load(const u8* p) {
    W lo, hi;
    W::load_blocks(lo, hi, p);
    Elem e = F::from(lo, hi);
    F::add_top(e, W::splat(F::top_bit));
    return e;
  }

  /// Takes in the first multiple of L of `num` >= 4·L whole blocks at p, and answers how many that were. Limbs of h and r
  /// as in kernels/poly1305.hpp.
  template <class Number>
  MEGASEAL_NOINLINE u64 blocks(Number& h0, Number& h1, Number& h2, Number r0, Number r1, const u8* p,
                               u64 num) {
    if (!ready) prepare(r0, r1);
    Number limbs[F::limbs];
    F::split(limbs, h0, h1, h2);
    Elem h;
#pragma GCC unroll 8
    for (int i = 0; i < F::limbs; i++) h.l[i] = W::first_lane(limbs[i]);  // block 0 is lane 0's

    // Words that no whole turn takes come first, as a shorter one: one reduction, where the scalar word would need that
    // for each of their L blocks.
    const u64 turns = num / turn, odd = num % turn / L;
    if (odd != 0) {
      auto t = F::no_sum();
      F::mul_add(t, plus(load(p), h), whole[odd - 1]);
      for (u64 k = 1; k < odd; k++) F::mul_add(t, load(p + 16 * L * k), whole[odd - 1 - k]);
      h = F::reduce(t);
      p += 16 * L * odd;
    }
    Elem e[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) e[k] = load(p + 16 * L * k);
    for (u64 n = turns; n > 1; n--) {
      p += 16 * turn;
      auto t = F::no_sum();
      F::mul_add(t, e[1], whole[2]);
      e[1] = load(p + 16 * L);
      F::mul_add(t, e[2], whole[1]);
      e[2] = load(p + 32 * L);
      F::mul_add(t, e[3], whole[0]);
      e[3] = load(p + 48 * L);
      F::mul_add(t, plus(e[0], h), whole[3]);
      e[0] = load(p);
      h = F::reduce(t);
    }
    // The last turn: the last L blocks by r^L … r^1, and what stands before them by the same lane's power as well.
    auto t = F::no_sum();
    F::mul_add(t, plus(e[0], h), whole[2]);
    F::mul_add(t, e[1], whole[1]);
    F::mul_add(t, e[2], whole[0]);
    h = plus(F::reduce(t), e[3]);
    t = F::no_sum();
    F::mul_add(t, h, last);
    h = F::reduce(t);
#pragma GCC unroll 8
    for (int i = 0; i < F::limbs; i++) limbs[i] = h.l[i].sum();
    F::join(h0, h1, h2, limbs);
    return turns * turn + odd * L;
  }
};

/// For a word that takes all blocks itself.
struct Poly1305NotAlong {
  static constexpr u64 min_blocks = ~u64(0);
};

MEGASEAL_KERNELS_END
