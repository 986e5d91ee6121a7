// 32-bit words of AVX2: eight lanes, and eight lanes that hold two ChaCha20 rows.
//
// xsimd gives loads, stores, sums and bitwise operations; rotates and transposes it does not have, they are
// intrinsics here. No name of xsimd leaves the word files. Its functions are plain `inline`: the check for weak
// symbols shows that none is left over to be shared with another backend. backends/scalar/word32.hpp lists what kernels
// ask of a word; what packing asks on top stands below under its own heading.
#pragma once
#include <immintrin.h>
#include <xsimd/xsimd.hpp>

#include "backends/scalar/word32.hpp"
#include "kernels/partial.hpp"

MEGASEAL_KERNELS_BEGIN

/// In each 128-bit half: the 4 x 4 transpose of 32-bit numbers.
MEGASEAL_INLINE void transpose_in_halves(__m256i& a, __m256i& b, __m256i& c, __m256i& d) {
  const __m256i p = _mm256_unpacklo_epi32(a, b), q = _mm256_unpackhi_epi32(a, b);
  const __m256i r = _mm256_unpacklo_epi32(c, d), s = _mm256_unpackhi_epi32(c, d);
  a = _mm256_unpacklo_epi64(p, r), b = _mm256_unpackhi_epi64(p, r);
  c = _mm256_unpacklo_epi64(q, s), d = _mm256_unpackhi_epi64(q, s);
}
/// The 2 x 2 transpose of halves.
MEGASEAL_INLINE void transpose_halves(__m256i& a, __m256i& b) {
  const __m256i p = _mm256_permute2x128_si256(a, b, 0x20);
  b = _mm256_permute2x128_si256(a, b, 0x31);
  a = p;
}

/// Rotates of 32-bit lanes: whole bytes move in one shuffle, the others are two shifts and an or.
template <int N>
MEGASEAL_INLINE __m256i rotl_epi32(__m256i v) {
  static_assert(0 < N && N < 32);
  if constexpr (N == 16) {
    return _mm256_shuffle_epi8(v, _mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13,
                                                  12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2));
  } else if constexpr (N == 8) {
    return _mm256_shuffle_epi8(v, _mm256_set_epi8(14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3, 14,
                                                  13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3));
  } else {
    return _mm256_or_si256(_mm256_slli_epi32(v, N), _mm256_srli_epi32(v, 32 - N));
  }
}

struct W32x8 {
  static constexpr int lanes = 8;
  static constexpr int registers = 16;
  using Batch = xsimd::batch<u32, xsimd::avx2>;
  __m256i v;

  static MEGASEAL_INLINE W32x8 splat(u32 x) { return {Batch(x)}; }
  static MEGASEAL_INLINE W32x8 load(const u32* p) { return {Batch::load_unaligned(p)}; }
  MEGASEAL_INLINE void store(u32* p) const { Batch(v).store_unaligned(p); }
  static MEGASEAL_INLINE W32x8 load_bytes(const u8* p) { return {_mm256_loadu_si256((const __m256i*)p)}; }
  MEGASEAL_INLINE void store_bytes(u8* p) const { _mm256_storeu_si256((__m256i*)p, v); }
  static MEGASEAL_INLINE W32x8 lane_numbers() { return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)}; }

  friend MEGASEAL_INLINE W32x8 operator+(W32x8 a, W32x8 b) { return {Batch(a.v) + Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x8 operator-(W32x8 a, W32x8 b) { return {Batch(a.v) - Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x8 operator&(W32x8 a, W32x8 b) { return {Batch(a.v) & Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x8 operator|(W32x8 a, W32x8 b) { return {Batch(a.v) | Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x8 operator^(W32x8 a, W32x8 b) { return {Batch(a.v) ^ Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x8 operator~(W32x8 a) { return {_mm256_xor_si256(a.v, _mm256_set1_epi32(-1))}; }
  friend MEGASEAL_INLINE W32x8 wrap_add(W32x8 a, W32x8 b) { return a + b; }
  friend MEGASEAL_INLINE W32x8 choose(W32x8 m, W32x8 a, W32x8 b) {
    return {_mm256_or_si256(_mm256_and_si256(m.v, a.v), _mm256_andnot_si256(m.v, b.v))};
  }
  /// Computes x before anything that follows; the compiler's own order may need more registers than there are.
  friend MEGASEAL_INLINE void pin(W32x8& x) { __asm__ volatile("" : "+x"(x.v)); }
  friend MEGASEAL_INLINE W32x8 swap_bytes(W32x8 a) {
    return {_mm256_shuffle_epi8(a.v, _mm256_broadcastsi128_si256(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10,
                                                                               9, 8, 15, 14, 13, 12)))};
  }
  template <int N>
  MEGASEAL_INLINE W32x8 rotl() const {
    return {rotl_epi32<N>(v)};
  }
  template <int N>
  MEGASEAL_INLINE W32x8 rotr() const {
    return {rotl_epi32<32 - N>(v)};
  }
  template <int N>
  MEGASEAL_INLINE W32x8 shr() const {
    return {_mm256_srli_epi32(v, N)};
  }

  // ---- Packing: lanes filled from anywhere ----

  /// Lane l works on item item_of_lane(l) of a group: the order in which rows of four words come in without crossing
  /// halves.
  static constexpr int item_of_lane(int l) { return 2 * (l % 4) + l / 4; }

  /// x[w] = word w of each item's 32 bytes at p[item].
  static MEGASEAL_INLINE void load_keys(W32x8 (&x)[8], const u8* const* p) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) x[i] = load_bytes(p[item_of_lane(i)]);
    transpose_in_halves(x[0].v, x[1].v, x[2].v, x[3].v);
    transpose_in_halves(x[4].v, x[5].v, x[6].v, x[7].v);
#pragma GCC unroll 4
    for (int w = 0; w < 4; w++) transpose_halves(x[w].v, x[4 + w].v);
  }
  /// x[w] = word w of each item's row of four numbers; item i's row is at rows + 4 * i.
  static MEGASEAL_INLINE void load_rows(W32x8 (&x)[4], const u32* rows) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) x[i] = load(rows + 8 * i);
    transpose_in_halves(x[0].v, x[1].v, x[2].v, x[3].v);
  }
  /// out = in ^ pad over n < 64 bytes.
  static MEGASEAL_INLINE void xor_partial(u8* out, const u8* in, const u8* pad, size_t n) {
    xor_bytes(out, in, pad, n);
  }
};

/// The lanes x lanes transpose of a word array, in two halves that a caller may take apart: first within 128 bits,
/// then of 128-bit halves. Slice k of either touches words apart from the other slices'.
template <int kSlice>
MEGASEAL_INLINE void transpose_first(W32x8* x) {
  transpose_in_halves(x[4 * kSlice].v, x[4 * kSlice + 1].v, x[4 * kSlice + 2].v, x[4 * kSlice + 3].v);
}
template <int kSlice>
MEGASEAL_INLINE void transpose_second(W32x8* x) {
  transpose_halves(x[kSlice].v, x[4 + kSlice].v);
}
MEGASEAL_INLINE void transpose(W32x8* x) {
  transpose_first<0>(x), transpose_first<1>(x);
  transpose_second<0>(x), transpose_second<1>(x), transpose_second<2>(x), transpose_second<3>(x);
}

/// Four lanes to a half: row by row, two ChaCha20 blocks side by side.
struct Rows32x8 {
  using Alone = W32;
  static constexpr int lanes = 4;
  static constexpr int blocks = 2;
  __m256i v;

  /// The same four numbers in each half; and block k's number in lane 0 of half k.
  static MEGASEAL_INLINE Rows32x8 load(const u32* p) {
    return {_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)p))};
  }
  static MEGASEAL_INLINE Rows32x8 load_bytes(const u8* p) {
    return {_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)p))};
  }
  static MEGASEAL_INLINE Rows32x8 block_numbers() { return {_mm256_setr_epi32(0, 0, 0, 0, 1, 0, 0, 0)}; }
  friend MEGASEAL_INLINE Rows32x8 wrap_add(Rows32x8 a, Rows32x8 b) { return {_mm256_add_epi32(a.v, b.v)}; }
  friend MEGASEAL_INLINE Rows32x8 operator^(Rows32x8 a, Rows32x8 b) { return {_mm256_xor_si256(a.v, b.v)}; }
  template <int N>
  MEGASEAL_INLINE Rows32x8 rotl() const {
    return {rotl_epi32<N>(v)};
  }
  /// Lane i of each half takes lane i + K.
  template <int K>
  MEGASEAL_INLINE Rows32x8 rotate_lanes() const {
    return {_mm256_shuffle_epi32(v, (K & 3) | ((K + 1) & 3) << 2 | ((K + 2) & 3) << 4 | ((K + 3) & 3) << 6)};
  }
  /// Rows to blocks: 128 bytes.
  static MEGASEAL_INLINE void store_blocks(u8* out, Rows32x8 a, Rows32x8 b, Rows32x8 c, Rows32x8 d) {
    transpose_halves(a.v, b.v);
    transpose_halves(c.v, d.v);
    _mm256_storeu_si256((__m256i*)out, a.v);
    _mm256_storeu_si256((__m256i*)(out + 32), c.v);
    _mm256_storeu_si256((__m256i*)(out + 64), b.v);
    _mm256_storeu_si256((__m256i*)(out + 96), d.v);
  }
};

/// Zeros in every vector register: what a slot's last secrets may still lie in.
MEGASEAL_INLINE void wipe_registers() {
  __asm__ volatile("vzeroall"
                   :
                   :
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                     "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

MEGASEAL_KERNELS_END
