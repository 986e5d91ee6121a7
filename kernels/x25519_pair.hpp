// The Montgomery ladder of x25519.hpp for two vectors side by side: while one multiplies, the carries of the other are
// done between the rows. A ladder alone cannot fill the multiplier, because at two places of each step everything waits
// for carries; and two ladders interleaved as they come wait at the same places together.
//
// The field offers products that take work along (`beside`) and norm() in pieces (field_5x51_madd.hpp).
#pragma once
#include "kernels/x25519.hpp"

MEGASEAL_KERNELS_BEGIN

template <class F>
struct LadderPair {
  using One = Ladder<F>;
  using State = typename One::State;
  using W = typename F::W;
  using Mask = typename F::Mask;
  using Elem = typename F::Elem;
  using Prod = typename F::Prod;
  using Biased = typename F::Biased;

  /// One vector within a step; names as in Ladder::step.
  struct Lane {
    typename F::Fixed x1;
    State s;
    Biased da, aa, gg;
    Prod cb, bb, tt;
    Elem a, b, c, d, doubled_sum, doubled_diff, sum, diff, e, g, aan, bbn, ttn;
  };

  // ---- Work of five pieces, as what goes beside a product's ten rows

  template <class A>
  struct Spread {
    A& a;
    MEGASEAL_INLINE void operator()(int row) const {
      if (row & 1) a(row / 2);
    }
  };
  template <class A>
  static MEGASEAL_INLINE Spread<A> spread(A& a) {
    return {a};
  }
  template <class A, class B>
  struct Both {
    A& a;
    B& b;
    MEGASEAL_INLINE void operator()(int row) const {
      if (row & 1)
        a(row / 2);
      else
        b(row / 2);
    }
  };
  template <class A, class B>
  static MEGASEAL_INLINE Both<A, B> both(A& a, B& b) {
    return {a, b};
  }
  /// The two factors of the doubling, limb by limb.
  struct Selection {
    Lane& v;
    Mask swap;
    MEGASEAL_INLINE void operator()(int i) const {
      v.doubled_sum.l[i] = select(swap, v.a.l[i], v.c.l[i]);
      v.doubled_diff.l[i] = select(swap, v.b.l[i], v.d.l[i]);
    }
  };

  // ---- A step in two halves

  static MEGASEAL_INLINE void sums(Lane& v, Mask swap) {
    v.c = F::norm(F::add(v.s.xs, v.s.zs)), v.d = F::norm(F::sub_biased(v.s.xs, v.s.zs));
    v.a = F::norm(F::add(v.s.xd, v.s.zd)), v.b = F::norm(F::sub_biased(v.s.xd, v.s.zd));
    v.doubled_sum = F::select(swap, v.a, v.c), v.doubled_diff = F::select(swap, v.b, v.d);
  }
  static MEGASEAL_INLINE void first_products(Lane& v) {
    v.da = F::mul_biased(v.d, v.a);
    v.cb = F::mul(v.c, v.b);
    v.bb = F::sqr(v.doubled_diff);
    v.aa = F::sqr_biased(v.doubled_sum);
  }

  /// First products of p beside the carries of q's first products.
  static MEGASEAL_INLINE void first_half(Lane& p, Lane& q) {
    auto diff = F::norming(q.diff, typename F::BiasedDifference{q.da, q.cb});
    auto sum = F::norming(q.sum, typename F::Sum{q.da, q.cb});
    auto e = F::norming(q.e, typename F::BiasedDifference{q.aa, q.bb});
    auto aa = F::norming(q.aan, typename F::BiasedLimbs{q.aa});
    auto bb = F::norming(q.bbn, typename F::Limbs{q.bb});
    p.da = F::template mul<true>(p.d, p.a, both(diff, e));
    p.cb = F::mul(p.c, p.b, both(sum, bb));
    p.bb = F::sqr(p.doubled_diff, spread(aa));
    p.aa = F::template sqr<true>(p.doubled_sum);
  }
  /// Second products of q beside the carries of p's first ones: the step of q is done.
  static MEGASEAL_INLINE void second_half(Lane& q, Lane& p) {
    auto diff = F::norming(p.diff, typename F::BiasedDifference{p.da, p.cb});
    auto sum = F::norming(p.sum, typename F::Sum{p.da, p.cb});
    auto e = F::norming(p.e, typename F::BiasedDifference{p.aa, p.bb});
    auto aa = F::norming(p.aan, typename F::BiasedLimbs{p.aa});
    auto bb = F::norming(p.bbn, typename F::Limbs{p.bb});
    auto ttn = F::norming(q.ttn, typename F::Limbs{q.tt});
    auto g = F::norming(q.g, typename F::BiasedLimbs{q.gg});
    q.tt = F::sqr(q.diff, spread(diff));
    q.s.xs = F::template sqr<true>(q.sum, spread(sum));
    q.s.xd = F::template mul<true>(q.aan, q.bbn, both(ttn, e));
    q.gg = F::template add_mul_small<One::a24>(q.aa, q.e);
    q.s.zs = F::mul_fixed(q.x1, q.ttn, both(g, bb));
    q.s.zd = F::mul(q.e, q.g, spread(aa));
  }
  /// Second products of p beside the sums of q for its next step, which swaps where `swap` says so.
  static MEGASEAL_INLINE void second_half_and_sums(Lane& p, Lane& q, Mask swap) {
    auto a = F::norming(q.a, typename F::Sum{q.s.xd, q.s.zd});
    auto b = F::norming(q.b, typename F::BiasedDifference{q.s.xd, q.s.zd});
    auto c = F::norming(q.c, typename F::Sum{q.s.xs, q.s.zs});
    auto d = F::norming(q.d, typename F::BiasedDifference{q.s.xs, q.s.zs});
    auto ttn = F::norming(p.ttn, typename F::Limbs{p.tt});
    auto g = F::norming(p.g, typename F::BiasedLimbs{p.gg});
    Selection selection{q, swap};
    p.tt = F::sqr(p.diff, spread(c));
    p.s.xs = F::template sqr<true>(p.sum, spread(d));
    p.s.xd = F::template mul<true>(p.aan, p.bbn, both(ttn, a));
    p.gg = F::template add_mul_small<One::a24>(p.aa, p.e);
    p.s.zs = F::mul_fixed(p.x1, p.ttn, both(g, b));
    p.s.zd = F::mul(p.e, p.g, spread(selection));
  }
  /// First products of q beside the sums of p for its next step.
  static MEGASEAL_INLINE void first_half_and_sums(Lane& q, Lane& p, Mask swap) {
    auto a = F::norming(p.a, typename F::Sum{p.s.xd, p.s.zd});
    auto b = F::norming(p.b, typename F::BiasedDifference{p.s.xd, p.s.zd});
    auto c = F::norming(p.c, typename F::Sum{p.s.xs, p.s.zs});
    auto d = F::norming(p.d, typename F::BiasedDifference{p.s.xs, p.s.zs});
    Selection selection{p, swap};
    q.da = F::template mul<true>(q.d, q.a, both(c, d));
    q.cb = F::mul(q.c, q.b, both(a, b));
    q.bb = F::sqr(q.doubled_diff, spread(selection));
    q.aa = F::template sqr<true>(q.doubled_sum);
  }

  /// Ladder::run for two. p runs half a step ahead of itself: its sums, and the first products of q, belong to the step
  /// that the loop is about to finish.
  static MEGASEAL_NOINLINE void run(Biased (&x)[2], Prod (&z)[2], const Elem (&u)[2],
                                    const W (&scalar)[2][4]) {
    Lane p, q;
    W p_swaps[4], q_swaps[4];
    One::swap_bits(p_swaps, scalar[0]);
    One::swap_bits(q_swaps, scalar[1]);
    p.x1 = F::fixed(u[0]);
    q.x1 = F::fixed(u[1]);
    One::begin(p.s, u[0]);
    One::begin(q.s, u[1]);
    W p_bits = p_swaps[3].shl_bits(2), q_bits = q_swaps[3].shl_bits(2);  // bit 253 on top
    sums(p, p_bits.template bit<63>());
    sums(q, q_bits.template bit<63>());
    first_products(q);
    // The last turn looks at bit 2's swap, whose sums nobody uses.
    for (int t = 252; t >= 2; t--) {
      if (t % 64 == 63)
        p_bits = p_swaps[t / 64], q_bits = q_swaps[t / 64];
      else
        p_bits = p_bits.shl_bits(1), q_bits = q_bits.shl_bits(1);
      first_half(p, q);
      second_half(q, p);
      second_half_and_sums(p, q, q_bits.template bit<63>());
      first_half_and_sums(q, p, p_bits.template bit<63>());
    }
    One::finish(x[0], z[0], p.s, scalar[0]);
    One::finish(x[1], z[1], q.s, scalar[1]);
    wipe(p_swaps, sizeof p_swaps);
    wipe(q_swaps, sizeof q_swaps);
  }
};

/// x25519_ladder_group for two vectors; more than one vector's items are left.
template <class F>
MEGASEAL_NOINLINE void x25519_ladder_pair(typename F::Elem* x, typename F::Elem* z, const X25519Tile& tile,
                                          u32 first, u32 num) {
  using W = typename F::W;
  constexpr u32 lanes = u32(W::lanes);
  W scalar[2][4], point[4];
  typename F::Elem u[2];
  typename F::Biased px[2];
  typename F::Prod pz[2];
  for (u32 g = 0; g < 2; g++) {
    Lanes<W>::load(scalar[g], tile.secrets, first + g * lanes, num - g * lanes);
    Lanes<W>::load(point, tile.points, first + g * lanes, num - g * lanes);
    clamp(scalar[g]);
    u[g] = F::from_words(point);
  }
  LadderPair<F>::run(px, pz, u, scalar);
  for (int g = 0; g < 2; g++) x[g] = F::norm(px[g]), z[g] = F::norm(F::centred(pz[g]));
  wipe(scalar, sizeof scalar);
}

/// Two vectors at a time, and one by itself where it is left over: for x25519_shared_tile.
template <class F>
struct LaddersPaired {
  static constexpr u32 at_a_time = 2;
  static MEGASEAL_INLINE void run(typename F::Elem* x, typename F::Elem* z, const X25519Tile& tile, u32 first,
                                  u32 end) {
    constexpr u32 lanes = u32(F::W::lanes);
    for (; first + lanes < end; first += 2 * lanes, x += 2, z += 2)
      x25519_ladder_pair<F>(x, z, tile, first, end - first);
    if (first < end) x25519_ladder_group<F>(*x, *z, tile, first, end - first);
  }
};

MEGASEAL_KERNELS_END
