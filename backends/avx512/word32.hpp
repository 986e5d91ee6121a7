// 32-bit words of AVX-512: sixteen lanes, and sixteen lanes that hold four ChaCha20 rows.
//
// xsimd gives loads, stores, sums and bitwise operations; rotates, transposes, three-way logic and partial loads and
// stores it does not have, they are intrinsics here. No name of xsimd leaves the word files. Its functions are plain
// `inline`: the check for weak symbols shows that none is left over to be shared with another backend.
// backends/scalar/word32.hpp lists what kernels ask of a word; what packing asks on top stands below under its own
// heading.
#pragma once
#include <immintrin.h>
#include <xsimd/xsimd.hpp>

#include "backends/scalar/word32.hpp"
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

/// In each 128-bit quarter: the 4 x 4 transpose of 32-bit numbers.
MEGASEAL_INLINE void transpose_in_quarters(__m512i& a, __m512i& b, __m512i& c, __m512i& d) {
  const __m512i p = _mm512_unpacklo_epi32(a, b), q = _mm512_unpackhi_epi32(a, b);
  const __m512i r = _mm512_unpacklo_epi32(c, d), s = _mm512_unpackhi_epi32(c, d);
  a = _mm512_unpacklo_epi64(p, r), b = _mm512_unpackhi_epi64(p, r);
  c = _mm512_unpacklo_epi64(q, s), d = _mm512_unpackhi_epi64(q, s);
}
/// The 4 x 4 transpose of quarters.
MEGASEAL_INLINE void transpose_quarters(__m512i& a, __m512i& b, __m512i& c, __m512i& d) {
  const __m512i p = _mm512_shuffle_i32x4(a, b, 0x44), q = _mm512_shuffle_i32x4(a, b, 0xee);
  const __m512i r = _mm512_shuffle_i32x4(c, d, 0x44), s = _mm512_shuffle_i32x4(c, d, 0xee);
  a = _mm512_shuffle_i32x4(p, r, 0x88), b = _mm512_shuffle_i32x4(p, r, 0xdd);
  c = _mm512_shuffle_i32x4(q, s, 0x88), d = _mm512_shuffle_i32x4(q, s, 0xdd);
}

struct W32x16 {
  static constexpr int lanes = 16;
  static constexpr int registers = 32;
  using Batch = xsimd::batch<u32, xsimd::avx512bw>;
  __m512i v;

  static MEGASEAL_INLINE W32x16 splat(u32 x) { return {Batch(x)}; }
  static MEGASEAL_INLINE W32x16 load(const u32* p) { return {Batch::load_unaligned(p)}; }
  MEGASEAL_INLINE void store(u32* p) const { Batch(v).store_unaligned(p); }
  static MEGASEAL_INLINE W32x16 load_bytes(const u8* p) { return {_mm512_loadu_si512(p)}; }
  MEGASEAL_INLINE void store_bytes(u8* p) const { _mm512_storeu_si512(p, v); }
  static MEGASEAL_INLINE W32x16 lane_numbers() {
    return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
  }

  friend MEGASEAL_INLINE W32x16 operator+(W32x16 a, W32x16 b) { return {Batch(a.v) + Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x16 operator-(W32x16 a, W32x16 b) { return {Batch(a.v) - Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x16 operator&(W32x16 a, W32x16 b) { return {Batch(a.v) & Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x16 operator|(W32x16 a, W32x16 b) { return {Batch(a.v) | Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x16 operator^(W32x16 a, W32x16 b) { return {Batch(a.v) ^ Batch(b.v)}; }
  friend MEGASEAL_INLINE W32x16 operator~(W32x16 a) {
    return {_mm512_ternarylogic_epi32(a.v, a.v, a.v, 0x55)};
  }
  friend MEGASEAL_INLINE W32x16 wrap_add(W32x16 a, W32x16 b) { return a + b; }
  friend MEGASEAL_INLINE W32x16 choose(W32x16 m, W32x16 a, W32x16 b) {
    return {_mm512_ternarylogic_epi32(m.v, a.v, b.v, 0xca)};
  }
  /// Computes x before anything that follows; the compiler's own order may need more registers than there are.
  friend MEGASEAL_INLINE void pin(W32x16& x) { __asm__ volatile("" : "+v"(x.v)); }
  friend MEGASEAL_INLINE W32x16 xor3(W32x16 a, W32x16 b, W32x16 c) {
    return {_mm512_ternarylogic_epi32(a.v, b.v, c.v, 0x96)};
  }
  friend MEGASEAL_INLINE W32x16 majority(W32x16 a, W32x16 b, W32x16 c) {
    return {_mm512_ternarylogic_epi32(a.v, b.v, c.v, 0xe8)};
  }
  friend MEGASEAL_INLINE W32x16 swap_bytes(W32x16 a) {
    return {_mm512_shuffle_epi8(
        a.v, _mm512_broadcast_i32x4(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)))};
  }
  template <int N>
  MEGASEAL_INLINE W32x16 rotl() const {
    return {_mm512_rol_epi32(v, N)};
  }
  template <int N>
  MEGASEAL_INLINE W32x16 rotr() const {
    return {_mm512_ror_epi32(v, N)};
  }
  template <int N>
  MEGASEAL_INLINE W32x16 shr() const {
    return {_mm512_srli_epi32(v, N)};
  }

  // ---- Packing: lanes filled from anywhere ----

  /// Lane l works on item item_of_lane(l) of a group: the order in which rows of four words come in without crossing
  /// quarters.
  static constexpr int item_of_lane(int l) { return 4 * (l % 4) + l / 4; }

  /// x[w] = word w of each item's 32 bytes at p[item].
  static MEGASEAL_INLINE void load_keys(W32x16 (&x)[8], const u8* const* p) {
    __m512i a[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
      const int l = (i & 3) + 8 * (i >> 2);  // a[i] holds lanes l and l + 4 of both its halves' rows
      a[i] =
          _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i*)p[item_of_lane(l)])),
                             _mm256_loadu_si256((const __m256i*)p[item_of_lane(l + 4)]), 1);
    }
    transpose_in_quarters(a[0], a[1], a[2], a[3]);
    transpose_in_quarters(a[4], a[5], a[6], a[7]);
#pragma GCC unroll 4
    for (int w = 0; w < 4; w++) {
      x[w].v = _mm512_shuffle_i32x4(a[w], a[4 + w], 0x88);
      x[4 + w].v = _mm512_shuffle_i32x4(a[w], a[4 + w], 0xdd);
    }
  }
  /// x[w] = word w of each item's row of four numbers; item i's row is at rows + 4 * i.
  static MEGASEAL_INLINE void load_rows(W32x16 (&x)[4], const u32* rows) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) x[i].v = _mm512_loadu_si512(rows + 16 * i);
    transpose_in_quarters(x[0].v, x[1].v, x[2].v, x[3].v);
  }

  /// The first n < 64 bytes at p, then zeros; nothing beyond them is read.
  template <class Partial>
  static MEGASEAL_INLINE void xor_partial(u8* out, const u8* in, const u8* pad, Partial n) {
    const __mmask64 k = _bzhi_u64(~0ull, unsigned(n));
    _mm512_mask_storeu_epi8(out, k,
                            _mm512_xor_si512(_mm512_loadu_si512(pad), _mm512_maskz_loadu_epi8(k, in)));
  }
};

/// The lanes x lanes transpose of a word array, in two halves that a caller may take apart: first within quarters,
/// then of quarters. Slice k of either touches words apart from the other slices'.
template <int kSlice>
MEGASEAL_INLINE void transpose_first(W32x16* x) {
  transpose_in_quarters(x[4 * kSlice].v, x[4 * kSlice + 1].v, x[4 * kSlice + 2].v, x[4 * kSlice + 3].v);
}
/// The slice's four words stand together here.
MEGASEAL_INLINE void transpose_second(W32x16 (&x)[4]) { transpose_quarters(x[0].v, x[1].v, x[2].v, x[3].v); }
/// After both, the block of lane 4·j + r stands in word r + 4·j.
MEGASEAL_INLINE void transpose(W32x16* x) {
  transpose_first<0>(x), transpose_first<1>(x), transpose_first<2>(x), transpose_first<3>(x);
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) transpose_quarters(x[i].v, x[4 + i].v, x[8 + i].v, x[12 + i].v);
}

/// Four lanes to a quarter: row by row, four ChaCha20 blocks side by side.
struct Rows32x16 {
  using Alone = W32;
  static constexpr int lanes = 4;
  static constexpr int blocks = 4;
  __m512i v;

  /// The same four numbers in each quarter; and block k's number in lane 0 of quarter k.
  static MEGASEAL_INLINE Rows32x16 load(const u32* p) {
    return {_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)p))};
  }
  static MEGASEAL_INLINE Rows32x16 load_bytes(const u8* p) {
    return {_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)p))};
  }
  static MEGASEAL_INLINE Rows32x16 block_numbers() {
    return {_mm512_setr_epi32(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0)};
  }
  friend MEGASEAL_INLINE Rows32x16 wrap_add(Rows32x16 a, Rows32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
  friend MEGASEAL_INLINE Rows32x16 operator^(Rows32x16 a, Rows32x16 b) {
    return {_mm512_xor_si512(a.v, b.v)};
  }
  template <int N>
  MEGASEAL_INLINE Rows32x16 rotl() const {
    return {_mm512_rol_epi32(v, N)};
  }
  /// Lane i of each quarter takes lane i + K.
  template <int K>
  MEGASEAL_INLINE Rows32x16 rotate_lanes() const {
    return {_mm512_shuffle_epi32(
        v, _MM_PERM_ENUM((K & 3) | ((K + 1) & 3) << 2 | ((K + 2) & 3) << 4 | ((K + 3) & 3) << 6))};
  }
  /// Rows to blocks: 256 bytes.
  static MEGASEAL_INLINE void store_blocks(u8* out, Rows32x16 a, Rows32x16 b, Rows32x16 c, Rows32x16 d) {
    transpose_quarters(a.v, b.v, c.v, d.v);
    _mm512_storeu_si512(out, a.v);
    _mm512_storeu_si512(out + 64, b.v);
    _mm512_storeu_si512(out + 128, c.v);
    _mm512_storeu_si512(out + 192, d.v);
  }
};

/// Two blocks in half a word: the chain of dependent operations is as long, but takes 50 cycles less in all (Zen 4).
struct Rows32x8 {
  using Alone = W32;
  static constexpr int lanes = 4;
  static constexpr int blocks = 2;
  __m256i v;

  static MEGASEAL_INLINE Rows32x8 load(const u32* p) {
    return {_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)p))};
  }
  static MEGASEAL_INLINE Rows32x8 block_numbers() { return {_mm256_setr_epi32(0, 0, 0, 0, 1, 0, 0, 0)}; }
  friend MEGASEAL_INLINE Rows32x8 wrap_add(Rows32x8 a, Rows32x8 b) { return {_mm256_add_epi32(a.v, b.v)}; }
  friend MEGASEAL_INLINE Rows32x8 operator^(Rows32x8 a, Rows32x8 b) { return {_mm256_xor_si256(a.v, b.v)}; }
  template <int N>
  MEGASEAL_INLINE Rows32x8 rotl() const {
    return {_mm256_rol_epi32(v, N)};
  }
  template <int K>
  MEGASEAL_INLINE Rows32x8 rotate_lanes() const {
    return {_mm256_shuffle_epi32(v, (K & 3) | ((K + 1) & 3) << 2 | ((K + 2) & 3) << 4 | ((K + 3) & 3) << 6)};
  }
  /// Rows to blocks: 128 bytes.
  static MEGASEAL_INLINE void store_blocks(u8* out, Rows32x8 a, Rows32x8 b, Rows32x8 c, Rows32x8 d) {
    _mm256_storeu_si256((__m256i*)out, _mm256_permute2x128_si256(a.v, b.v, 0x20));
    _mm256_storeu_si256((__m256i*)(out + 32), _mm256_permute2x128_si256(c.v, d.v, 0x20));
    _mm256_storeu_si256((__m256i*)(out + 64), _mm256_permute2x128_si256(a.v, b.v, 0x31));
    _mm256_storeu_si256((__m256i*)(out + 96), _mm256_permute2x128_si256(c.v, d.v, 0x31));
  }
};

/// Zeros in every vector register: what a slot's last secrets may still lie in.
MEGASEAL_INLINE void wipe_registers() {
  __asm__ volatile(
      "vzeroall\n\t"
      "vpxorq %%zmm16, %%zmm16, %%zmm16\n\tvpxorq %%zmm17, %%zmm17, %%zmm17\n\t"
      "vpxorq %%zmm18, %%zmm18, %%zmm18\n\tvpxorq %%zmm19, %%zmm19, %%zmm19\n\t"
      "vpxorq %%zmm20, %%zmm20, %%zmm20\n\tvpxorq %%zmm21, %%zmm21, %%zmm21\n\t"
      "vpxorq %%zmm22, %%zmm22, %%zmm22\n\tvpxorq %%zmm23, %%zmm23, %%zmm23\n\t"
      "vpxorq %%zmm24, %%zmm24, %%zmm24\n\tvpxorq %%zmm25, %%zmm25, %%zmm25\n\t"
      "vpxorq %%zmm26, %%zmm26, %%zmm26\n\tvpxorq %%zmm27, %%zmm27, %%zmm27\n\t"
      "vpxorq %%zmm28, %%zmm28, %%zmm28\n\tvpxorq %%zmm29, %%zmm29, %%zmm29\n\t"
      "vpxorq %%zmm30, %%zmm30, %%zmm30\n\tvpxorq %%zmm31, %%zmm31, %%zmm31"
      :
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",
        "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
}

MEGASEAL_KERNELS_END
