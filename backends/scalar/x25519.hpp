// X25519 one lane at a time: the portable backend's own, and what the vector backends do with an item that would leave
// most of a vector idle.
#pragma once
#include "backends/scalar/word64.hpp"
#include "edwards25519_base_w4.hpp"
#include "kernels/edwards25519_comb.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/safegcd.hpp"
#include "kernels/x25519.hpp"

MEGASEAL_KERNELS_BEGIN

struct OneLane {
  // A message alone bears its whole inversion: half the time of the power z^(p-2) makes 4 % of the slot's.
  struct Field : Field5x51<W64> {
    /// 1/e, and 0 for 0. Pre: limbs below 2^54.
    static MEGASEAL_INLINE Elem invert(const Elem& e) {
      W words[4];
      to_words(words, e);
      u64 w[4] = {words[0].v, words[1].v, words[2].v, words[3].v};
      Safegcd25519::invert(w);
      for (int i = 0; i < 4; i++) words[i].v = w[i];
      const Elem inverse = from_words(words);
      wipe(words, sizeof words);
      wipe(w, sizeof w);
      return inverse;
    }
  };
  // 61 KB. Five-bit digits (100 KB) need a fifth fewer additions but read twice as many entries a look-up:
  // measured, 5 % faster in batches whose table stays in cache. The smaller one is kept for callers with little
  // cache to spare.
  using BaseComb = Comb<Field, 4, 64>;

  /// GROUPS items share an inversion.
  template <int GROUPS>
  static MEGASEAL_INLINE void shared(const X25519Tile& tile) {
    x25519_shared_tile<Field, GROUPS>(tile);
  }
  template <int GROUPS>
  static MEGASEAL_INLINE void publics(const X25519Tile& tile) {
    static constexpr BaseComb::Table table = BaseComb::pack(edwards25519_base_w4);
    x25519_public_tile<Field, BaseComb, GROUPS>(tile, table);
  }
};

MEGASEAL_KERNELS_END
