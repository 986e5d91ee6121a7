// Inversion for fields over vector words: the lanes are multiplied together, one number is inverted, and every lane
// gets its own back. A vector's power z^(p-2) takes longer: of a tile of 64 on IFMA 1 % of the time of its shared secrets,
// 5 % of that of its public keys.
#pragma once
#include "kernels/field_ops.hpp"
#include "kernels/safegcd.hpp"

MEGASEAL_KERNELS_BEGIN

/// F with an inversion. Pre of invert: no lane is zero mod p, which FieldOps::divide sees to.
template <class F>
struct WithLaneInversion : F {
  using W = typename F::W;
  using typename F::Elem;

  static MEGASEAL_NOINLINE Elem invert(const Elem& e) { return invert_lanes<1>(e); }

 private:
  /// 1 / e, where lanes whose numbers differ in bits below K only hold the same.
  template <int K>
  static MEGASEAL_INLINE Elem invert_lanes(const Elem& e) {
    if constexpr (K < W::lanes) {
      // Of e and its partner f: 1/e = f / (e f).
      const Elem f = F::template swap_lanes<K>(e);
      return FieldOps<F>::mul(invert_lanes<2 * K>(FieldOps<F>::mul(e, f)), f);
    } else {
      W words[4];
      F::to_words(words, e);
      using Number = decltype(words[0].first());
      Number w[4] = {words[0].first(), words[1].first(), words[2].first(), words[3].first()};
      Safegcd25519<Number>::invert(w);
      for (int i = 0; i < 4; i++) words[i] = W::splat(w[i]);
      const Elem inverse = F::from_words(words);
      wipe(words, sizeof words);
      wipe(w, sizeof w);
      return inverse;
    }
  }
};

MEGASEAL_KERNELS_END
