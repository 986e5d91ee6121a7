// The portable backend's field for X25519: radix 2^51.
#pragma once
#include "backends/scalar/word64.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/safegcd.hpp"

MEGASEAL_KERNELS_BEGIN

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

MEGASEAL_KERNELS_END
