// 64-bit words of AVX-512: eight lanes.
//
// `+`, `-`, `shl` and products are exact, as in backends/scalar/word64.hpp, which says what that means; `shl_drop`
// lets bits leave at the top on purpose.
#pragma once
#include "backends/avx512/word32.hpp"
#include "kernels/partial.hpp"
#include "kernels/table_use.hpp"

MEGASEAL_KERNELS_BEGIN

struct W64x8 {
  static constexpr int lanes = 8;
  static constexpr int registers = 32;
  using Batch = xsimd::batch<u64, xsimd::avx512bw>;
  /// A bit for each lane.
  struct Mask {
    __mmask8 m;
  };
  __m512i v;

  static MEGASEAL_INLINE W64x8 splat(u64 x) { return {Batch(x)}; }
  static MEGASEAL_INLINE W64x8 zero() { return {_mm512_setzero_si512()}; }
  static MEGASEAL_INLINE W64x8 load(const u64* p) { return {Batch::load_unaligned(p)}; }
  MEGASEAL_INLINE void store(u64* p) const { Batch(v).store_unaligned(p); }

  friend MEGASEAL_INLINE W64x8 operator+(W64x8 a, W64x8 b) { return {Batch(a.v) + Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x8 operator-(W64x8 a, W64x8 b) { return {Batch(a.v) - Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x8 operator&(W64x8 a, W64x8 b) { return {Batch(a.v) & Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x8 operator|(W64x8 a, W64x8 b) { return {Batch(a.v) | Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x8 operator^(W64x8 a, W64x8 b) { return {Batch(a.v) ^ Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x8 wrap_add(W64x8 a, W64x8 b) { return a + b; }
  friend MEGASEAL_INLINE W64x8 wrap_sub(W64x8 a, W64x8 b) { return a - b; }
  template <int K>
  MEGASEAL_INLINE W64x8 shr() const {
    return {_mm512_srli_epi64(v, K)};
  }
  template <int K>
  MEGASEAL_INLINE W64x8 shl() const {
    return {_mm512_slli_epi64(v, K)};
  }
  template <int K>
  MEGASEAL_INLINE W64x8 shl_drop() const {
    return shl<K>();
  }
  template <int K>
  MEGASEAL_INLINE W64x8 rotr() const {
    return {_mm512_ror_epi64(v, K)};
  }
  /// Shifts by a public distance; shl_bits lets bits leave at the top, on purpose.
  MEGASEAL_INLINE W64x8 shr_bits(int k) const { return {_mm512_srl_epi64(v, _mm_cvtsi32_si128(k))}; }
  MEGASEAL_INLINE W64x8 shl_bits(int k) const { return {_mm512_sll_epi64(v, _mm_cvtsi32_si128(k))}; }
  /// Exact product with a small constant, which is kept from the compiler: g++ 12 would make shifts and additions of
  /// it, more of them than the one multiplication is worth.
  template <u64 K>
  MEGASEAL_INLINE W64x8 times() const {
    __m512i k = _mm512_set1_epi64((long long)K);
    __asm__("" : "+v"(k));
    return {_mm512_mullo_epi64(v, k)};
  }
  /// Exact product of the lanes' low 32 bits.
  friend MEGASEAL_INLINE W64x8 mul_low32(W64x8 a, W64x8 b) { return {_mm512_mul_epu32(a.v, b.v)}; }

  /// x in the lanes where a < b (unsigned), else 0.
  friend MEGASEAL_INLINE W64x8 if_less(W64x8 a, W64x8 b, W64x8 x) {
    return {_mm512_maskz_mov_epi64(_mm512_cmplt_epu64_mask(a.v, b.v), x.v)};
  }
  /// x in the lanes where a >= b (unsigned), else 0.
  friend MEGASEAL_INLINE W64x8 if_at_least(W64x8 a, W64x8 b, W64x8 x) {
    return {_mm512_maskz_mov_epi64(_mm512_cmpge_epu64_mask(a.v, b.v), x.v)};
  }
  /// x in the lanes where a == b, else 0.
  friend MEGASEAL_INLINE W64x8 if_equal(W64x8 a, W64x8 b, W64x8 x) {
    return {_mm512_maskz_mov_epi64(_mm512_cmpeq_epi64_mask(a.v, b.v), x.v)};
  }

  /// Computes x before anything that follows; the compiler's own order may need more registers than there are.
  friend MEGASEAL_INLINE void pin(W64x8& x) { __asm__ volatile("" : "+v"(x.v)); }
  /// Leaves x in memory: its next use reads it there.
  friend MEGASEAL_INLINE void in_memory(W64x8& x) { __asm__ volatile("" : "+m"(x.v)); }

  // ---- Rows: 64 bytes of each lane's message, to be turned into words across lanes ----

  using Row = __m512i;
  static MEGASEAL_INLINE Row row(const u8* p) { return _mm512_loadu_si512(p); }
  /// `skip` zero bytes (a multiple of 16), n bytes of p, zeros to the end. A masked load never faults, but one whose
  /// masked bytes lie in a page that is not there takes some 1,000 cycles: so it starts at p and not before it.
  static MEGASEAL_INLINE Row row_part(const u8* p, unsigned skip, unsigned n) {
    return _mm512_maskz_expand_epi64(__mmask8(0xffu << (skip >> 3)),
                                     _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, n), p));
  }
  /// Eight rows -> q[k] = 64-bit number k of every row.
  static MEGASEAL_INLINE void from_rows(W64x8 (&q)[8], const Row (&r)[8]) {
    __m512i t[8];
#pragma GCC unroll 4
    for (int p = 0; p < 4; p++) {
      t[p] = _mm512_unpacklo_epi64(r[2 * p], r[2 * p + 1]);
      t[4 + p] = _mm512_unpackhi_epi64(r[2 * p], r[2 * p + 1]);
    }
    transpose_quarters(t[0], t[1], t[2], t[3]);
    transpose_quarters(t[4], t[5], t[6], t[7]);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) q[2 * j].v = t[j], q[2 * j + 1].v = t[4 + j];
  }
  /// 32 bytes of each lane, at p[lane] -> 64-bit numbers 0 to 3 of each.
  static MEGASEAL_INLINE void load_keys(W64x8 (&q)[4], const u8* const* p) {
    __m512i t[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
      const int i = (k & 1) + 4 * (k >> 1);  // rows i and i + 2: leaves the lanes in order
      t[k] = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i*)p[i])),
                                _mm256_loadu_si256((const __m256i*)p[i + 2]), 1);
    }
    const __m512i a = _mm512_unpacklo_epi64(t[0], t[1]), b = _mm512_unpackhi_epi64(t[0], t[1]);
    const __m512i c = _mm512_unpacklo_epi64(t[2], t[3]), d = _mm512_unpackhi_epi64(t[2], t[3]);
    q[0].v = _mm512_shuffle_i64x2(a, c, 0x88), q[2].v = _mm512_shuffle_i64x2(a, c, 0xdd);
    q[1].v = _mm512_shuffle_i64x2(b, d, 0x88), q[3].v = _mm512_shuffle_i64x2(b, d, 0xdd);
  }
  /// 16 bytes (lo, hi) of each lane to p[lane].
  static MEGASEAL_INLINE void store_pairs(u8* const* p, W64x8 lo, W64x8 hi) {
    const __m512i a = _mm512_unpacklo_epi64(lo.v, hi.v), b = _mm512_unpackhi_epi64(lo.v, hi.v);
    _mm_storeu_si128((__m128i*)p[0], _mm512_castsi512_si128(a));
    _mm_storeu_si128((__m128i*)p[1], _mm512_castsi512_si128(b));
    _mm_storeu_si128((__m128i*)p[2], _mm512_extracti32x4_epi32(a, 1));
    _mm_storeu_si128((__m128i*)p[3], _mm512_extracti32x4_epi32(b, 1));
    _mm_storeu_si128((__m128i*)p[4], _mm512_extracti32x4_epi32(a, 2));
    _mm_storeu_si128((__m128i*)p[5], _mm512_extracti32x4_epi32(b, 2));
    _mm_storeu_si128((__m128i*)p[6], _mm512_extracti32x4_epi32(a, 3));
    _mm_storeu_si128((__m128i*)p[7], _mm512_extracti32x4_epi32(b, 3));
  }

  // ---- Lanes of a curve: one number in each ----

  /// One little-endian number per lane; lane l is at p + l * stride.
  static MEGASEAL_INLINE W64x8 load_lanes(const u8* p, size_t stride) {
    return {_mm512_setr_epi64((long long)load_le64(p), (long long)load_le64(p + stride),
                              (long long)load_le64(p + 2 * stride), (long long)load_le64(p + 3 * stride),
                              (long long)load_le64(p + 4 * stride), (long long)load_le64(p + 5 * stride),
                              (long long)load_le64(p + 6 * stride), (long long)load_le64(p + 7 * stride))};
  }
  MEGASEAL_INLINE void store_lanes(u8* p, size_t stride) const {
    u64 w[8];
    _mm512_storeu_si512(w, v);
    for (int l = 0; l < 8; l++) store_le64(p + size_t(l) * stride, w[l]);
    wipe(w, sizeof w);
  }
  /// Lane 0; and for each lane what lane l ^ K has.
  MEGASEAL_INLINE u64 first() const { return u64(_mm_cvtsi128_si64(_mm512_castsi512_si128(v))); }
  template <int K>
  MEGASEAL_INLINE W64x8 swap_lanes() const {
    static_assert(K == 1 || K == 2 || K == 4);
    if constexpr (K == 1) return {_mm512_permutex_epi64(v, 0xb1)};
    if constexpr (K == 2) return {_mm512_permutex_epi64(v, 0x4e)};
    return {_mm512_shuffle_i64x2(v, v, 0x4e)};
  }
  /// Bit K as a mask.
  template <int K>
  MEGASEAL_INLINE Mask bit() const {
    return {_mm512_test_epi64_mask(v, _mm512_set1_epi64((long long)(u64(1) << K)))};
  }
  MEGASEAL_INLINE Mask is_zero() const { return {_mm512_testn_epi64_mask(v, v)}; }
  friend MEGASEAL_INLINE Mask operator&(Mask a, Mask b) { return {__mmask8(a.m & b.m)}; }
  friend MEGASEAL_INLINE Mask operator|(Mask a, Mask b) { return {__mmask8(a.m | b.m)}; }
  friend MEGASEAL_INLINE Mask operator~(Mask a) { return {__mmask8(~a.m)}; }
  /// mask ? b : a, without a branch.
  friend MEGASEAL_INLINE W64x8 select(Mask mask, W64x8 a, W64x8 b) {
    return {_mm512_mask_blend_epi64(mask.m, a.v, b.v)};
  }
  /// Makes a mask public, as in backends/scalar/word64.hpp.
  static MEGASEAL_INLINE u32 reveal(Mask mask) { return mask.m; }

  /// A secret index below N for each lane. Look-ups permute a row of N numbers in registers: every address is public.
  template <int N>
  struct Selector {
    __m512i index;
    __mmask8 upper;  // index >= 16
  };
  template <int N>
  static MEGASEAL_INLINE Selector<N> selector(W64x8 index) {
    return {index.v, index.template bit<4>().m};
  }
  /// From eights that begin STRIDE apart.
  template <int N, int STRIDE = 8>
  static MEGASEAL_INLINE W64x8 lookup(const u64* table, const Selector<N>& s) {
    static_assert(N == 8 || N == 16 || N == 32);
    if constexpr (N == 8) {
      return {_mm512_permutexvar_epi64(s.index, _mm512_load_si512(table))};
    } else {
      const __m512i low =
          _mm512_permutex2var_epi64(_mm512_load_si512(table), s.index, _mm512_load_si512(table + STRIDE));
      if constexpr (N == 16) return {low};
      const __m512i high = _mm512_permutex2var_epi64(_mm512_load_si512(table + (N == 32 ? 2 * STRIDE : 0)), s.index,
                                                     _mm512_load_si512(table + (N == 32 ? 3 : 1) * STRIDE));
      return {_mm512_mask_blend_epi64(s.upper, low, high)};
    }
  }

  /// Of 16 entries of NUM numbers, two eights of each number, one for each lane from the table it uses: table by table, a
  /// permute of each eight into the lanes whose number it has.
  template <int NUM>
  static MEGASEAL_INLINE void lookup_apart(W64x8 (&out)[NUM], const TableUse<8>& use, size_t at, W64x8 index) {
    const __mmask8 upper = index.template bit<3>().m;
    __m512i x[NUM];  // of its own, or g++ 12 would store each after every permute
#pragma GCC unroll 15
    for (int n = 0; n < NUM; n++) x[n] = _mm512_setzero_si512();
    for (int t = 0; t < use.num; t++) {
      const u64* const p = use.table[t] + at;
      const __mmask8 in_low = __mmask8(use.lanes[t] & ~u32(upper)), in_high = __mmask8(use.lanes[t] & upper);
#pragma GCC unroll 15
      for (int n = 0; n < NUM; n++) {
        x[n] = _mm512_mask_permutexvar_epi64(x[n], in_low, index.v, _mm512_load_si512(p + 8 * n));
        eight_bytes_on(x[n]);
        x[n] = _mm512_mask_permutexvar_epi64(x[n], in_high, index.v, _mm512_load_si512(p + 8 * NUM + 8 * n));
        eight_bytes_on(x[n]);
      }
    }
#pragma GCC unroll 15
    for (int n = 0; n < NUM; n++) out[n].v = x[n];
  }
  /// Code after x has been computed starts at a multiple of eight bytes. Where tables are not in the nearest cache, Zen 5
  /// reads them a third faster if the look-ups' instructions are exactly eight bytes apart, as clang 14's are; g++ 12's
  /// have seven. (Seven and a half, nine, or all low eights before all high ones are slow with either compiler.)
  static MEGASEAL_INLINE void eight_bytes_on(__m512i& x) { __asm__(".balign 8" : "+v"(x)); }
  /// Number i of word k <-> number k of word i.
  static MEGASEAL_INLINE void transpose(W64x8 (&x)[8]) {
    const Row rows[8] = {x[0].v, x[1].v, x[2].v, x[3].v, x[4].v, x[5].v, x[6].v, x[7].v};
    from_rows(x, rows);
  }

  // ---- Along one message: lanes hold consecutive blocks ----

  /// 128 bytes, eight blocks: block block_of_lane(l) in lane l.
  static constexpr int block_of_lane(int l) { return l / 2 + 4 * (l % 2); }
  static MEGASEAL_INLINE void load_blocks(W64x8& lo, W64x8& hi, const u8* p) {
    const __m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + 64);
    lo.v = _mm512_unpacklo_epi64(a, b);
    hi.v = _mm512_unpackhi_epi64(a, b);
  }
  /// x0 in lane 0, zeros elsewhere; and the exact sum of all lanes.
  static MEGASEAL_INLINE W64x8 first_lane(u64 x0) {
    return {_mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)x0))};
  }
  MEGASEAL_INLINE u64 sum() const {
    const __m256i a = _mm256_add_epi64(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    const __m128i b = _mm_add_epi64(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    return u64(_mm_cvtsi128_si64(b)) + u64(_mm_extract_epi64(b, 1));
  }
};

MEGASEAL_KERNELS_END
