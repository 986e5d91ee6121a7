// Doubles of AVX-512: eight lanes, as kernels/field_5x51_fma.hpp asks for them.
#pragma once
#include "backends/avx512/word64.hpp"

MEGASEAL_KERNELS_BEGIN

struct F64x8 {
  __m512d v;

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

  static MEGASEAL_INLINE F64x8 splat(double x) { return {_mm512_set1_pd(x)}; }
  static MEGASEAL_INLINE F64x8 from_bits(W64x8 bits) { return {_mm512_castsi512_pd(bits.v)}; }
  /// low + carry - CENTRE. Pre: low below 2^51, the sum below 2^52.
  template <u64 CENTRE>
  static MEGASEAL_INLINE F64x8 from_limb(W64x8 low, W64x8 carry) {
    const W64x8 bits = (low | W64x8::splat(low_offset)) + carry;  // of 2^52 + low + carry
    return {_mm512_sub_pd(_mm512_castsi512_pd(bits.v), _mm512_set1_pd(double((u64(1) << 52) + CENTRE)))};
  }
  /// x + 2^51, as a low half has it. Pre: x from -2^51 to 2^51.
  MEGASEAL_INLINE W64x8 to_low_half() const {
    return {_mm512_castpd_si512(_mm512_add_pd(v, _mm512_set1_pd(double(u64(3) << 51))))};
  }

  /// One of N doubles, given by their bits, for each lane.
  template <int N>
  static MEGASEAL_INLINE F64x8 lookup(const u64* table, const W64x8::Selector<N>& s) {
    return from_bits(W64x8::lookup<N>(table, s));
  }
  MEGASEAL_INLINE W64x8 bits() const { return {_mm512_castpd_si512(v)}; }

  /// Exact: below 2^53 in size.
  friend MEGASEAL_INLINE F64x8 operator+(F64x8 a, F64x8 b) { return {_mm512_add_pd(a.v, b.v)}; }

  friend MEGASEAL_INLINE F64x8 operator-(F64x8 a, F64x8 b) { return {_mm512_sub_pd(a.v, b.v)}; }
  /// a b + c, rounded once.
  friend MEGASEAL_INLINE F64x8 fma(F64x8 a, F64x8 b, F64x8 c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }

  friend MEGASEAL_INLINE F64x8 select(W64x8::Mask mask, F64x8 a, F64x8 b) {
    return {_mm512_mask_blend_pd(mask.m, a.v, b.v)};
  }
  /// Lane l takes what lane l ^ K had.
  template <int K>
  MEGASEAL_INLINE F64x8 swap_lanes() const {
    return from_bits(W64x8{_mm512_castpd_si512(v)}.template swap_lanes<K>());
  }
};

MEGASEAL_KERNELS_END
