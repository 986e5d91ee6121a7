// The Montgomery ladder of x25519.hpp for one item, across four lanes: what a step multiplies side by side stands in the
// lanes of three products. A message alone is served so.
//
//   V  = (xd, zd, xs, zs)                the state, as in Ladder
//   h  = (a, b, c, d)                    sums and differences of pairs
//   X  = (a', b', d, c) (a', b', a, b)   = (aa, bb, da, cb); a', b' are a, b or c, d, whichever point is doubled
//   y  = (e, e, sum, diff)               e = aa - bb
//   Y  = (e, e, sum, diff) (e, bb, sum, diff)
//   V' = (aa, 121666, 0, u) (bb, e e, –, diff diff) + (0, e bb, sum sum, 0)
//
// where e (bb + 121666 e) is the e (aa + 121665 e) of Ladder::step.
#pragma once
#include "kernels/safegcd.hpp"
#include "kernels/x25519.hpp"

MEGASEAL_KERNELS_BEGIN

/// F: a field over words of four lanes, with sums_and_differences and take_lanes.
template <class F>
struct LadderAcross {
  using W = typename F::W;
  using Mask = typename F::Mask;
  using Elem = typename F::Elem;
  using Prod = typename F::Prod;
  using Biased = typename F::Biased;

  static MEGASEAL_INLINE void step(Biased& v, const Elem& constants, Mask swap) {
    const Elem h = F::norm(F::template sums_and_differences<0b1010>(v));
    const Elem other = F::template swap_lanes<2>(h);
    const Elem doubled = F::select(swap, h, other);
    const Biased x = F::mul_biased(F::template take_lanes<0b1100>(doubled, F::template swap_lanes<1>(h)),
                                   F::template take_lanes<0b1100>(doubled, other));
    const Elem y = F::norm(F::template sums_and_differences<0b1011>(x)), xn = F::norm(x);
    const Prod z = F::mul(y, F::template take_lanes<0b0010>(y, xn));
    const Elem zn = F::norm(z);
    const Elem right = F::template take_lanes<0b0001>(
        F::template take_lanes<0b0010>(zn, F::template swap_lanes<1>(zn)), F::template swap_lanes<1>(xn));
    v = F::template add_lanes<0b0110>(F::mul_biased(F::template take_lanes<0b0001>(constants, xn), right), z);
  }

  /// Lanes 0 and 1 of the result are x and z of scalar · u. Pre: all lanes of scalar and of u are the item's; scalar
  /// clamped.
  static MEGASEAL_NOINLINE void run(Elem& result, const Elem& u, const W (&scalar)[4]) {
    // Point P and the neutral element, (u : 1) and (1 : 0), differ by P. Bit 254 is set: P is doubled.
    const Elem one = F::small(1), zero = F::small(0);
    Biased v =
        F::biased(F::widen(F::template take_lanes<0b1000>(F::template take_lanes<0b0110>(u, one), zero)));
    const Elem constants = F::norm(F::biased(
        F::widen(F::template take_lanes<0b0100>(F::template take_lanes<0b0010>(u, F::small(121666)), zero))));
    W swaps[4];
    Ladder<F>::swap_bits(swaps, scalar);
    step(v, constants, W::zero().template bit<0>());
    // Down to bit 0, which is clear: the point last doubled is the result.
    for (int w = 3; w >= 0; w--) {
      W bits = w == 3 ? swaps[3].shl_bits(2) : swaps[w];
      for (int t = w == 3 ? 61 : 63; t >= 0; t--) {
        step(v, constants, bits.template bit<63>());
        bits = bits.shl_bits(1);
      }
    }
    result = F::norm(v);
    wipe(swaps, sizeof swaps);
  }
};

/// Item `which` of a tile, for the x25519_shared slot.
template <class F>
MEGASEAL_NOINLINE void x25519_shared_across(const X25519Tile& tile, u32 which) {
  using W = typename F::W;
  using Elem = typename F::Elem;
  W scalar[4], point[4];
  Lanes<W>::load(scalar, {tile.secrets.base + which * tile.secrets.stride, 0}, 0, u32(W::lanes));
  Lanes<W>::load(point, {tile.points.base + which * tile.points.stride, 0}, 0, u32(W::lanes));
  clamp(scalar);
  Elem xz, quotient;
  LadderAcross<F>::run(xz, F::from_words(point), scalar);
  W words[4];
  F::to_words(words, F::template swap_lanes<1>(xz));
  using Number = decltype(words[0].first());
  Number z[4] = {words[0].first(), words[1].first(), words[2].first(), words[3].first()};
  Safegcd25519<Number>::invert(z);  // 0 for 0, and then the result is 0
  for (int i = 0; i < 4; i++) words[i] = W::splat(z[i]);
  quotient = FieldOps<F>::mul(xz, F::norm(F::biased(F::widen(F::from_words(words)))));
  x25519_finish_group<F, true>(tile, quotient, which, 1);
  wipe(scalar, sizeof scalar);
  wipe(words, sizeof words);
  wipe(z, sizeof z);
}

MEGASEAL_KERNELS_END
