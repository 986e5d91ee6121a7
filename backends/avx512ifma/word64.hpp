// 64-bit words of AVX-512 IFMA: those of AVX-512, and the 52-bit multiply-add.
#pragma once
#include "backends/avx512/word64.hpp"

MEGASEAL_KERNELS_BEGIN

/// c + the low (high) 52 bits of the 104-bit product of a's and b's low 52 bits; exact.
MEGASEAL_INLINE W64x8 madd52_low(W64x8 c, W64x8 a, W64x8 b) { return {_mm512_madd52lo_epu64(c.v, a.v, b.v)}; }
MEGASEAL_INLINE W64x8 madd52_high(W64x8 c, W64x8 a, W64x8 b) {
  return {_mm512_madd52hi_epu64(c.v, a.v, b.v)};
}

MEGASEAL_KERNELS_END
