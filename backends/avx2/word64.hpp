// 64-bit words of AVX2: four lanes.
//
// `+`, `-`, `shl` and products are exact, as in backends/scalar/word64.hpp, which says what that means; `shl_drop`
// lets bits leave at the top on purpose.
#pragma once
#include "backends/avx2/word32.hpp"
#include "kernels/table_use.hpp"

MEGASEAL_KERNELS_BEGIN

struct W64x4 {
  static constexpr int lanes = 4;
  static constexpr int registers = 16;
  using Batch = xsimd::batch<u64, xsimd::avx2>;
  /// A lane's sign bit counts, and it alone.
  struct Mask {
    __m256i m;
  };
  __m256i v;

  static MEGASEAL_INLINE W64x4 splat(u64 x) { return {Batch(x)}; }
  static MEGASEAL_INLINE W64x4 zero() { return {_mm256_setzero_si256()}; }
  static MEGASEAL_INLINE W64x4 load(const u64* p) { return {Batch::load_unaligned(p)}; }
  MEGASEAL_INLINE void store(u64* p) const { Batch(v).store_unaligned(p); }

  friend MEGASEAL_INLINE W64x4 operator+(W64x4 a, W64x4 b) { return {Batch(a.v) + Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x4 operator-(W64x4 a, W64x4 b) { return {Batch(a.v) - Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x4 operator&(W64x4 a, W64x4 b) { return {Batch(a.v) & Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x4 operator|(W64x4 a, W64x4 b) { return {Batch(a.v) | Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x4 operator^(W64x4 a, W64x4 b) { return {Batch(a.v) ^ Batch(b.v)}; }
  friend MEGASEAL_INLINE W64x4 wrap_add(W64x4 a, W64x4 b) { return a + b; }
  friend MEGASEAL_INLINE W64x4 wrap_sub(W64x4 a, W64x4 b) { return a - b; }
  template <int K>
  MEGASEAL_INLINE W64x4 shr() const {
    return {_mm256_srli_epi64(v, K)};
  }
  template <int K>
  MEGASEAL_INLINE W64x4 shl() const {
    return {_mm256_slli_epi64(v, K)};
  }
  template <int K>
  MEGASEAL_INLINE W64x4 shl_drop() const {
    return shl<K>();
  }
  /// Bytes are moved where that will do, in one operation instead of three.
  template <int K>
  MEGASEAL_INLINE W64x4 rotr() const {
    if constexpr (K == 32) return {_mm256_shuffle_epi32(v, 0xb1)};
    if constexpr (K % 8 == 0 && K != 32) {
      constexpr int n = K / 8;
      const __m256i from = _mm256_broadcastsi128_si256(_mm_setr_epi8(
          n, (n + 1) % 8, (n + 2) % 8, (n + 3) % 8, (n + 4) % 8, (n + 5) % 8, (n + 6) % 8, (n + 7) % 8, 8 + n,
          8 + (n + 1) % 8, 8 + (n + 2) % 8, 8 + (n + 3) % 8, 8 + (n + 4) % 8, 8 + (n + 5) % 8, 8 + (n + 6) % 8,
          8 + (n + 7) % 8));
      return {_mm256_shuffle_epi8(v, from)};
    }
    return shr<K>() | shl<64 - K>();
  }
  /// Shifts by a public distance; shl_bits lets bits leave at the top, on purpose.
  MEGASEAL_INLINE W64x4 shr_bits(int k) const { return {_mm256_srl_epi64(v, _mm_cvtsi32_si128(k))}; }
  MEGASEAL_INLINE W64x4 shl_bits(int k) const { return {_mm256_sll_epi64(v, _mm_cvtsi32_si128(k))}; }
  /// Exact product with 19, the one small constant that curves ask for: 16 + 2 + 1. clang 14 would see a product in
  /// that, and make three multiplications of it.
  template <u64 K>
  MEGASEAL_INLINE W64x4 times() const {
    static_assert(K == 19);
    const W64x4 x = *this;
    __m256i twice = (x + x).v;
    __asm__("" : "+x"(twice));
    return x.template shl<4>() + (W64x4{twice} + x);
  }
  /// Exact product of the lanes' low 32 bits: one multiply, where a 64-bit product takes three.
  friend MEGASEAL_INLINE W64x4 mul_low32(W64x4 a, W64x4 b) { return {_mm256_mul_epu32(a.v, b.v)}; }

  /// x in the lanes where a < b (unsigned: AVX2 compares signed numbers, so both move by 2^63), else 0.
  friend MEGASEAL_INLINE W64x4 if_less(W64x4 a, W64x4 b, W64x4 x) {
    const __m256i s = _mm256_set1_epi64x(INT64_MIN);
    return {_mm256_and_si256(_mm256_cmpgt_epi64(_mm256_xor_si256(b.v, s), _mm256_xor_si256(a.v, s)), x.v)};
  }
  /// x in the lanes where a >= b, both below 2^63, else 0.
  friend MEGASEAL_INLINE W64x4 if_at_least(W64x4 a, W64x4 b, W64x4 x) {
    return {_mm256_andnot_si256(_mm256_cmpgt_epi64(b.v, a.v), x.v)};
  }
  /// x in the lanes where a == b, else 0.
  friend MEGASEAL_INLINE W64x4 if_equal(W64x4 a, W64x4 b, W64x4 x) {
    return {_mm256_and_si256(_mm256_cmpeq_epi64(a.v, b.v), x.v)};
  }

  /// Computes x before anything that follows; the compiler's own order may need more registers than there are.
  friend MEGASEAL_INLINE void pin(W64x4& x) { __asm__ volatile("" : "+x"(x.v)); }
  /// Leaves x in memory: its next use reads it there.
  friend MEGASEAL_INLINE void in_memory(W64x4& x) { __asm__ volatile("" : "+m"(x.v)); }

  // ---- Rows: 64 bytes of each lane's message, to be turned into words across lanes ----

  struct Row {
    __m256i a, b;
  };
  static MEGASEAL_INLINE __m256i load32(const u8* p) { return _mm256_loadu_si256((const __m256i*)p); }
  static MEGASEAL_INLINE Row row(const u8* p) { return {load32(p), load32(p + 32)}; }
  /// `skip` zero bytes (a multiple of 16), n bytes of p, zeros to the end; nothing outside the n bytes is read.
  /// Put together in registers: a wide load right after narrow stores would stall.
  static MEGASEAL_INLINE Row row_part(const u8* p, unsigned skip, unsigned n) {
    u64 w[8] = {};
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
      if (16 * i < skip || 16 * i >= skip + n) continue;
      const unsigned at = 16 * i - skip;
      if (n - at >= 16)
        w[2 * i] = load_le64(p + at), w[2 * i + 1] = load_le64(p + at + 8);
      else
        load_partial16(w[2 * i], w[2 * i + 1], p + at, n - at);
    }
    return {_mm256_setr_epi64x((long long)w[0], (long long)w[1], (long long)w[2], (long long)w[3]),
            _mm256_setr_epi64x((long long)w[4], (long long)w[5], (long long)w[6], (long long)w[7])};
  }
  /// Four rows of 32 bytes -> q[k] = 64-bit number k of every row.
  static MEGASEAL_INLINE void from_half_rows(W64x4* q, __m256i r0, __m256i r1, __m256i r2, __m256i r3) {
    const __m256i a = _mm256_unpacklo_epi64(r0, r1), b = _mm256_unpackhi_epi64(r0, r1);
    const __m256i c = _mm256_unpacklo_epi64(r2, r3), d = _mm256_unpackhi_epi64(r2, r3);
    q[0].v = _mm256_permute2x128_si256(a, c, 0x20), q[2].v = _mm256_permute2x128_si256(a, c, 0x31);
    q[1].v = _mm256_permute2x128_si256(b, d, 0x20), q[3].v = _mm256_permute2x128_si256(b, d, 0x31);
  }
  static MEGASEAL_INLINE void from_rows(W64x4 (&q)[8], const Row (&r)[4]) {
    from_half_rows(q, r[0].a, r[1].a, r[2].a, r[3].a);
    from_half_rows(q + 4, r[0].b, r[1].b, r[2].b, r[3].b);
  }
  /// 32 bytes of each lane, at p[lane] -> 64-bit numbers 0 to 3 of each.
  static MEGASEAL_INLINE void load_keys(W64x4 (&q)[4], const u8* const* p) {
    from_half_rows(q, load32(p[0]), load32(p[1]), load32(p[2]), load32(p[3]));
  }
  /// 16 bytes (lo, hi) of each lane to p[lane].
  static MEGASEAL_INLINE void store_pairs(u8* const* p, W64x4 lo, W64x4 hi) {
    const __m256i a = _mm256_unpacklo_epi64(lo.v, hi.v), b = _mm256_unpackhi_epi64(lo.v, hi.v);
    _mm_storeu_si128((__m128i*)p[0], _mm256_castsi256_si128(a));
    _mm_storeu_si128((__m128i*)p[1], _mm256_castsi256_si128(b));
    _mm_storeu_si128((__m128i*)p[2], _mm256_extracti128_si256(a, 1));
    _mm_storeu_si128((__m128i*)p[3], _mm256_extracti128_si256(b, 1));
  }

  // ---- Lanes of a curve: one number in each ----

  /// One little-endian number per lane; lane l is at p + l * stride.
  static MEGASEAL_INLINE W64x4 load_lanes(const u8* p, size_t stride) {
    return {_mm256_setr_epi64x((long long)load_le64(p), (long long)load_le64(p + stride),
                               (long long)load_le64(p + 2 * stride), (long long)load_le64(p + 3 * stride))};
  }
  MEGASEAL_INLINE void store_lanes(u8* p, size_t stride) const {
    u64 w[4];
    _mm256_storeu_si256((__m256i*)w, v);
    for (int l = 0; l < 4; l++) store_le64(p + size_t(l) * stride, w[l]);
    wipe(w, sizeof w);
  }
  /// Lane 0.
  MEGASEAL_INLINE u64 first() const { return u64(_mm_cvtsi128_si64(_mm256_castsi256_si128(v))); }
  /// In the lanes of LANES b's, else this word's. Lanes (0, 0, 2, 2), and (1, 1, 3, 3).
  template <int LANES>
  MEGASEAL_INLINE W64x4 take_lanes(W64x4 b) const {
    return {_mm256_castpd_si256(_mm256_blend_pd(_mm256_castsi256_pd(v), _mm256_castsi256_pd(b.v), LANES))};
  }
  MEGASEAL_INLINE W64x4 even_lanes() const { return {_mm256_unpacklo_epi64(v, v)}; }
  MEGASEAL_INLINE W64x4 odd_lanes() const { return {_mm256_unpackhi_epi64(v, v)}; }
  /// Bit K as a mask.
  template <int K>
  MEGASEAL_INLINE Mask bit() const {
    return {_mm256_slli_epi64(v, 63 - K)};
  }
  MEGASEAL_INLINE Mask is_zero() const { return {_mm256_cmpeq_epi64(v, _mm256_setzero_si256())}; }
  friend MEGASEAL_INLINE Mask operator&(Mask a, Mask b) { return {_mm256_and_si256(a.m, b.m)}; }
  friend MEGASEAL_INLINE Mask operator|(Mask a, Mask b) { return {_mm256_or_si256(a.m, b.m)}; }
  friend MEGASEAL_INLINE Mask operator~(Mask a) { return {_mm256_xor_si256(a.m, _mm256_set1_epi64x(-1))}; }
  /// mask ? b : a, without a branch.
  friend MEGASEAL_INLINE W64x4 select(Mask mask, W64x4 a, W64x4 b) {
    return {_mm256_castpd_si256(
        _mm256_blendv_pd(_mm256_castsi256_pd(a.v), _mm256_castsi256_pd(b.v), _mm256_castsi256_pd(mask.m)))};
  }
  /// Makes a mask public, as in backends/scalar/word64.hpp.
  static MEGASEAL_INLINE u32 reveal(Mask mask) {
    return u32(_mm256_movemask_pd(_mm256_castsi256_pd(mask.m)));
  }

  /// A secret index below N for each lane. A permute of 32-bit numbers picks one of four pairs of them; which four, bits
  /// 2 and up select among the results. Every address is public.
  template <int N>
  struct Selector {
    __m256i halves;
    Mask bit2, bit3, bit4;
  };
  template <int N>
  static MEGASEAL_INLINE Selector<N> selector(W64x4 index) {
    // Positions 2 i and 2 i + 1, of which the permute looks at three bits.
    const W64x4 twice = index + index;
    return {(twice | twice.template shl<32>() | splat(u64(1) << 32)).v, index.template bit<2>(),
            index.template bit<3>(), index.template bit<4>()};
  }
  /// From eights that begin STRIDE apart.
  template <int N, int STRIDE = 8>
  static MEGASEAL_INLINE W64x4 lookup(const u64* table, const Selector<N>& s) {
    static_assert(N == 8 || N == 16 || N == 32);
    const W64x4 eight = lookup8(table, s);
    if constexpr (N == 8) {
      return eight;
    } else {
      const W64x4 sixteen = select(s.bit3, eight, lookup8(table + STRIDE, s));
      if constexpr (N == 16) {
        return sixteen;
      } else {
        return select(s.bit4, sixteen,
                      select(s.bit3, lookup8(table + 2 * STRIDE, s), lookup8(table + 3 * STRIDE, s)));
      }
    }
  }
  template <int N>
  static MEGASEAL_INLINE W64x4 lookup8(const u64* table, const Selector<N>& s) {
    const W64x4 low = {_mm256_permutevar8x32_epi32(load(table).v, s.halves)},
                high = {_mm256_permutevar8x32_epi32(load(table + 4).v, s.halves)};
    return select(s.bit2, low, high);
  }

  /// Of 16 entries of NUM numbers, two eights of each number, one for each lane from a table of its own: every entry is
  /// read and masked, which leaves a lane's number in one place of four, and the lanes' places are then joined. Two lanes
  /// at a time, whose masks fit the registers, and a loop of five numbers: written out for all of them a look-up is 5 KB
  /// of code, which beside a doubling and an addition is more than processors keep decoded.
  template <int NUM>
  static MEGASEAL_INLINE void lookup_apart(W64x4 (&out)[NUM], const TableUse<4>& use, size_t at,
                                           W64x4 index) {
    static_assert(NUM % 5 == 0);
    __m256i half[NUM];
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
      W64x4 mask[2][4];
#pragma GCC unroll 2
      for (int k = 0; k < 2; k++) {
        const int l = 2 * h + k;
        const __m256i of_lane = _mm256_permutevar8x32_epi32(
            index.v,
            _mm256_setr_epi32(2 * l, 2 * l + 1, 2 * l, 2 * l + 1, 2 * l, 2 * l + 1, 2 * l, 2 * l + 1));
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
          mask[k][i].v =
              _mm256_cmpeq_epi64(of_lane, _mm256_setr_epi64x(4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3));
      }
      const u64 *p = use.of_lane[2 * h] + at, *q = use.of_lane[2 * h + 1] + at;
#pragma GCC unroll 1
      for (int first = 0; first < NUM; first += 5, p += 40, q += 40) {
#pragma GCC unroll 5
        for (int i = 0; i < 5; i++) {
          const W64x4 x = (load(p + 8 * i) & mask[0][0]) | (load(p + 8 * i + 4) & mask[0][1]) |
                          (load(p + 8 * (NUM + i)) & mask[0][2]) | (load(p + 8 * (NUM + i) + 4) & mask[0][3]);
          const W64x4 y = (load(q + 8 * i) & mask[1][0]) | (load(q + 8 * i + 4) & mask[1][1]) |
                          (load(q + 8 * (NUM + i)) & mask[1][2]) | (load(q + 8 * (NUM + i) + 4) & mask[1][3]);
          const __m256i b = _mm256_or_si256(_mm256_unpacklo_epi64(x.v, y.v), _mm256_unpackhi_epi64(x.v, y.v));
          if (h == 0) {
            half[first + i] = b;
          } else {
            const __m256i a = half[first + i];
            out[first + i].v =
                _mm256_or_si256(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
          }
        }
      }
    }
  }
  /// Number i of word k <-> number k of word i.
  static MEGASEAL_INLINE void transpose(W64x4 (&x)[4]) {
    W64x4 t[4];
    from_half_rows(t, x[0].v, x[1].v, x[2].v, x[3].v);
    for (int i = 0; i < 4; i++) x[i] = t[i];
  }

  // ---- Along one message: lanes hold consecutive blocks ----

  /// 64 bytes, four blocks: block block_of_lane(l) in lane l.
  static constexpr int block_of_lane(int l) { return l / 2 + 2 * (l % 2); }
  static MEGASEAL_INLINE void load_blocks(W64x4& lo, W64x4& hi, const u8* p) {
    const __m256i a = load32(p), b = load32(p + 32);
    lo.v = _mm256_unpacklo_epi64(a, b);
    hi.v = _mm256_unpackhi_epi64(a, b);
  }
  /// x0 in lane 0, zeros elsewhere; and the exact sum of all lanes.
  static MEGASEAL_INLINE W64x4 first_lane(u64 x0) { return {_mm256_setr_epi64x((long long)x0, 0, 0, 0)}; }
  MEGASEAL_INLINE u64 sum() const {
    const __m128i b = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return u64(_mm_cvtsi128_si64(b)) + u64(_mm_extract_epi64(b, 1));
  }
};

MEGASEAL_KERNELS_END
