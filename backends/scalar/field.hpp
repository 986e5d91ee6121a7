// The portable backend's field for X25519: radix 2^51.
#pragma once
#include "backends/scalar/word64.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/safegcd.hpp"

MEGASEAL_KERNELS_BEGIN

// A message alone bears its whole inversion: half the time of the power z^(p-2) makes 4 % of the slot's.
template <class Word>
struct FieldOver : Field5x51<Word> {
  using Base = Field5x51<Word>;
  using W = Word;
  using typename Base::Elem;
  /// 1/e, and 0 for 0. Pre: limbs below 2^54.
  static MEGASEAL_INLINE Elem invert(const Elem& e) {
    W words[4];
    Base::to_words(words, e);
    using Number = decltype(words[0].first());
    Number w[4] = {words[0].first(), words[1].first(), words[2].first(), words[3].first()};
    Safegcd25519<Number>::invert(w);
    for (int i = 0; i < 4; i++) words[i] = W::splat(w[i]);
    const Elem inverse = Base::from_words(words);
    wipe(words, sizeof words);
    wipe(w, sizeof w);
    return inverse;
  }
};
using Field = FieldOver<W64>;

MEGASEAL_KERNELS_END
