// Doubles of AVX2 and FMA: four lanes, as kernels/field_5x51_fma.hpp asks for them.
#pragma once
#include "backends/avx2/word64.hpp"

MEGASEAL_KERNELS_BEGIN

struct F64x4 {
  __m256d v;

  /// What halves() adds to 2^51 + h and to 2^51 + l: the exponents of [2^103, 2^104) and of [2^52, 2^53).
  static constexpr u64 high_offset = u64(1023 + 103) << 52, low_offset = u64(1023 + 52) << 52;

  /// Rounding to the nearest, exceptions masked; and back, so that the caller sees no trace of them. (Not an object's
  /// two ends: unwinding, which never happens here, would bring a weak symbol along.)
  static MEGASEAL_INLINE u32 enter() {
    const u32 callers = _mm_getcsr();
    _mm_setcsr(0x1f80);
    return callers;
  }
  static MEGASEAL_INLINE void leave(u32 callers) { _mm_setcsr(callers); }

  static MEGASEAL_INLINE F64x4 splat(double x) { return {_mm256_set1_pd(x)}; }
  static MEGASEAL_INLINE F64x4 from_bits(W64x4 bits) { return {_mm256_castsi256_pd(bits.v)}; }
  /// low + carry - CENTRE. Pre: low below 2^51, the sum below 2^52.
  template <u64 CENTRE>
  static MEGASEAL_INLINE F64x4 from_limb(W64x4 low, W64x4 carry) {
    const W64x4 bits = (low | W64x4::splat(low_offset)) + carry;  // of 2^52 + low + carry
    return {_mm256_sub_pd(_mm256_castsi256_pd(bits.v), _mm256_set1_pd(double((u64(1) << 52) + CENTRE)))};
  }
  /// x + 2^51, as a low half has it. Pre: x from -2^51 to 2^51.
  MEGASEAL_INLINE W64x4 to_low_half() const {
    return {_mm256_castpd_si256(_mm256_add_pd(v, _mm256_set1_pd(double(u64(3) << 51))))};
  }

  /// One of N doubles, given by their bits, for each lane.
  template <int N>
  static MEGASEAL_INLINE F64x4 lookup(const u64* table, const W64x4::Selector<N>& s) {
    return from_bits(W64x4::lookup<N>(table, s));
  }
  MEGASEAL_INLINE W64x4 bits() const { return {_mm256_castpd_si256(v)}; }

  /// Exact: below 2^53 in size.
  friend MEGASEAL_INLINE F64x4 operator+(F64x4 a, F64x4 b) { return {_mm256_add_pd(a.v, b.v)}; }

  friend MEGASEAL_INLINE F64x4 operator-(F64x4 a, F64x4 b) { return {_mm256_sub_pd(a.v, b.v)}; }
  /// a b + c, rounded once.
  friend MEGASEAL_INLINE F64x4 fma(F64x4 a, F64x4 b, F64x4 c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }

  friend MEGASEAL_INLINE F64x4 select(W64x4::Mask mask, F64x4 a, F64x4 b) {
    return {_mm256_blendv_pd(a.v, b.v, _mm256_castsi256_pd(mask.m))};
  }
  /// In the lanes of LANES b's, else this word's.
  template <int LANES>
  MEGASEAL_INLINE F64x4 take_lanes(F64x4 b) const {
    return {_mm256_blend_pd(v, b.v, LANES)};
  }
  /// Lane l takes what lane l ^ K had.
  template <int K>
  MEGASEAL_INLINE F64x4 swap_lanes() const {
    static_assert(K == 1 || K == 2);
    if constexpr (K == 1) return {_mm256_permute_pd(v, 0x5)};
    return {_mm256_permute2f128_pd(v, v, 0x1)};
  }
};

MEGASEAL_KERNELS_END
