// 32-bit words of the CUDA backend: one lane, because a thread is a lane. What a kernel may ask of a word is in
// backends/scalar/word32.hpp. And sums and products over several 32-bit limbs, whose carries go from limb to limb.
//
// This is the one file of the backend's programs that says how the device does a thing; beside it stands the same in
// C++, for tests on the host.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

/// Hides a value's origin from the optimiser, on the device too, so that a mask is not turned back into a branch, nor a
/// load that is masked into one that is skipped.
MEGASEAL_INLINE u32 opaque(u32 x) {
  __asm__("" : "+r"(x));
  return x;
}

struct W32 {
  static constexpr int lanes = 1;
  /// All ones or all zeros.
  struct Mask {
    u32 m;
  };
  u32 v;

  static MEGASEAL_INLINE W32 splat(u32 x) { return {x}; }
  static MEGASEAL_INLINE W32 zero() { return {0}; }
  static MEGASEAL_INLINE W32 load(const u32* p) { return {*p}; }
  MEGASEAL_INLINE void store(u32* p) const { *p = v; }
  /// Pre: p is a multiple of 4. (Of a pointer of which nothing is known, the device loads byte by byte.)
  static MEGASEAL_INLINE W32 load_bytes(const u8* p) {
    return {load_le32(static_cast<const u8*>(__builtin_assume_aligned(p, 4)))};
  }
  MEGASEAL_INLINE void store_bytes(u8* p) const {
    store_le32(static_cast<u8*>(__builtin_assume_aligned(p, 4)), v);
  }
  static MEGASEAL_INLINE W32 lane_numbers() { return {0}; }

  friend MEGASEAL_INLINE W32 operator+(W32 a, W32 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE W32 operator-(W32 a, W32 b) { return {a.v - b.v}; }
  friend MEGASEAL_INLINE W32 operator&(W32 a, W32 b) { return {a.v & b.v}; }
  friend MEGASEAL_INLINE W32 operator|(W32 a, W32 b) { return {a.v | b.v}; }
  friend MEGASEAL_INLINE W32 operator^(W32 a, W32 b) { return {a.v ^ b.v}; }
  friend MEGASEAL_INLINE W32 operator~(W32 a) { return {~a.v}; }
  friend MEGASEAL_INLINE W32 wrap_add(W32 a, W32 b) { return {a.v + b.v}; }
  // Any function of three words, bit by bit, is one operation (LOP3).
  friend MEGASEAL_INLINE W32 choose(W32 m, W32 a, W32 b) { return {(m.v & a.v) | (~m.v & b.v)}; }
  friend MEGASEAL_INLINE W32 xor3(W32 a, W32 b, W32 c) { return {a.v ^ b.v ^ c.v}; }
  friend MEGASEAL_INLINE W32 majority(W32 a, W32 b, W32 c) { return {(a.v & b.v) | (c.v & (a.v | b.v))}; }
  friend MEGASEAL_INLINE W32 swap_bytes(W32 a) {
#if defined(__CUDA_ARCH__)
    return {__byte_perm(a.v, 0, 0x0123)};
#else
    return {__builtin_bswap32(a.v)};
#endif
  }
  template <int N>
  MEGASEAL_INLINE W32 rotl() const {
    static_assert(0 < N && N < 32);
#if defined(__CUDA_ARCH__)
    return {__funnelshift_l(v, v, N)};
#else
    return {(v << N) | (v >> (32 - N))};
#endif
  }
  template <int N>
  MEGASEAL_INLINE W32 rotr() const {
    return rotl<32 - N>();
  }
  template <int N>
  MEGASEAL_INLINE W32 shr() const {
    return {v >> N};
  }

  /// Bit K as a mask.
  template <int K>
  MEGASEAL_INLINE Mask bit() const {
    return {opaque(u32(0) - ((v >> K) & 1))};
  }
  MEGASEAL_INLINE Mask is_zero() const { return {opaque(((v | (u32(0) - v)) >> 31) - 1)}; }
  friend MEGASEAL_INLINE Mask operator&(Mask a, Mask b) { return {a.m & b.m}; }
  friend MEGASEAL_INLINE Mask operator|(Mask a, Mask b) { return {a.m | b.m}; }
  friend MEGASEAL_INLINE Mask operator~(Mask a) { return {~a.m}; }
  /// mask ? b : a, without a branch.
  friend MEGASEAL_INLINE W32 select(Mask mask, W32 a, W32 b) { return {(~mask.m & a.v) | (mask.m & b.v)}; }
};
/// The lanes x lanes transpose of a word array; with one lane there is nothing to move.
MEGASEAL_INLINE void transpose(W32*) {}

MEGASEAL_KERNELS_END
