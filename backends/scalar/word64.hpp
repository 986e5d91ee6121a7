// 64-bit words of the portable backend: one lane, with 64 x 64 -> 128-bit products.
//
// `+`, `-`, `shl` and products are exact: the kernels' limb bounds promise that they never wrap, and the proofs run
// the same kernels over a word that checks it. Where a kernel wraps on purpose it says so with `wrap_`.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

struct W64 {
  static constexpr int lanes = 1;
  /// All ones or all zeros.
  struct Mask {
    u64 m;
  };
  u64 v;

  static MEGASEAL_INLINE W64 splat(u64 x) { return {x}; }
  static MEGASEAL_INLINE W64 zero() { return {0}; }

  friend MEGASEAL_INLINE W64 operator+(W64 a, W64 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE W64 operator-(W64 a, W64 b) { return {a.v - b.v}; }
  friend MEGASEAL_INLINE W64 operator*(W64 a, W64 b) { return {a.v * b.v}; }
  friend MEGASEAL_INLINE W64 operator&(W64 a, W64 b) { return {a.v & b.v}; }
  friend MEGASEAL_INLINE W64 operator|(W64 a, W64 b) { return {a.v | b.v}; }
  friend MEGASEAL_INLINE W64 operator^(W64 a, W64 b) { return {a.v ^ b.v}; }
  friend MEGASEAL_INLINE W64 wrap_add(W64 a, W64 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE W64 wrap_sub(W64 a, W64 b) { return {a.v - b.v}; }
  template <int K>
  MEGASEAL_INLINE W64 shr() const {
    return {v >> K};
  }
  template <int K>
  MEGASEAL_INLINE W64 shl() const {
    return {v << K};
  }
  template <int K>
  MEGASEAL_INLINE W64 rotr() const {
    return {(v >> K) | (v << (64 - K))};
  }
  /// Shifts by a public distance; shl_bits drops what leaves at the top, on purpose.
  MEGASEAL_INLINE W64 shr_bits(int k) const { return {v >> k}; }
  MEGASEAL_INLINE W64 shl_bits(int k) const { return {v << k}; }
  /// Exact product with a small constant.
  template <u64 K>
  MEGASEAL_INLINE W64 times() const {
    return {v * K};
  }

  /// One little-endian word per lane; lane l is at p + l * stride.
  static MEGASEAL_INLINE W64 load_lanes(const u8* p, size_t) { return {load_le64(p)}; }
  MEGASEAL_INLINE void store_lanes(u8* p, size_t) const { store_le64(p, v); }

  /// 32 bytes -> four numbers; 16 bytes (lo, hi) to p[0].
  static MEGASEAL_INLINE void load_keys(W64 (&q)[4], const u8* const* p) {
    for (int i = 0; i < 4; i++) q[i] = load_lanes(p[0] + 8 * i, 0);
  }
  static MEGASEAL_INLINE void store_pairs(u8* const* p, W64 lo, W64 hi) {
    store_le64(p[0], lo.v);
    store_le64(p[0] + 8, hi.v);
  }
  MEGASEAL_INLINE void store(u64* p) const { *p = v; }
  /// Lane 0; and the number itself, for kernels that change it in place.
  MEGASEAL_INLINE u64 first() const { return v; }
  MEGASEAL_INLINE u64& number() { return v; }
  static MEGASEAL_INLINE void transpose(W64 (&)[1]) {}

  /// Bit K as a mask.
  template <int K>
  MEGASEAL_INLINE Mask bit() const {
    return {value_barrier(u64(0) - ((v >> K) & 1))};
  }
  MEGASEAL_INLINE Mask is_zero() const { return {value_barrier(((v | (u64(0) - v)) >> 63) - 1)}; }
  friend MEGASEAL_INLINE Mask operator&(Mask a, Mask b) { return {a.m & b.m}; }
  friend MEGASEAL_INLINE Mask operator|(Mask a, Mask b) { return {a.m | b.m}; }
  friend MEGASEAL_INLINE Mask operator~(Mask a) { return {~a.m}; }
  /// mask ? b : a, without a branch.
  friend MEGASEAL_INLINE W64 select(Mask mask, W64 a, W64 b) { return {a.v ^ (mask.m & (a.v ^ b.v))}; }
  /// Makes a mask public: bit l is lane l. Callers branch on the result, so only a verdict that the caller of
  /// the library learns anyway may pass here.
  static MEGASEAL_INLINE u32 reveal(Mask mask) { return u32(mask.m & 1); }
  friend MEGASEAL_INLINE bool is_zero_made_public(W64 x) { return is_zero_made_public(x.v); }

  /// A secret index below N, prepared once for all the look-ups of an entry. One lane has no permute: every
  /// entry is read, and masked.
  template <int N>
  struct Selector {
    u64 mask[N];
  };
  template <int N>
  static MEGASEAL_INLINE Selector<N> selector(W64 index) {
    Selector<N> s;
#pragma GCC unroll 32
    for (int i = 0; i < N; i++) s.mask[i] = (index ^ splat(u64(i))).is_zero().m;
    return s;
  }
  /// From eights that begin STRIDE apart.
  template <int N, int STRIDE = 8>
  static MEGASEAL_INLINE W64 lookup(const u64* table, const Selector<N>& s) {
    u64 r = table[0] & s.mask[0];
#pragma GCC unroll 32
    for (int i = 1; i < N; i++) r |= table[i / 8 * STRIDE + i % 8] & s.mask[i];
    return {r};
  }
};

/// The 128-bit sums of products.
#if defined(__clang__) && defined(__x86_64__)
// Two registers and an add-with-carry between them. clang 14 spends a quarter more time on sums of unsigned __int128,
// because it merges their carries with the shifts that follow; g++ 12 is the other way round.
struct W128 {
  u64 lo, hi;
  friend MEGASEAL_INLINE W128 operator+(W128 a, W128 b) {
    unsigned long long l, h;
    const unsigned char carry = __builtin_ia32_addcarryx_u64(0, a.lo, b.lo, &l);
    (void)__builtin_ia32_addcarryx_u64(carry, a.hi, b.hi, &h);
    return {l, h};
  }
  friend MEGASEAL_INLINE W128 operator+(W128 a, W64 b) { return a + W128{b.v, 0}; }
  template <int K>
  MEGASEAL_INLINE W64 shr() const {
    return {u64(((unsigned __int128)hi << 64 | lo) >> K)};
  }
  MEGASEAL_INLINE W64 low() const { return {lo}; }
  MEGASEAL_INLINE W64 high() const { return {hi}; }
};
MEGASEAL_INLINE W128 mul_wide(W64 a, W64 b) {
  const unsigned __int128 p = (unsigned __int128)a.v * b.v;
  return {u64(p), u64(p >> 64)};
}
#else
struct W128 {
  unsigned __int128 v;
  friend MEGASEAL_INLINE W128 operator+(W128 a, W128 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE W128 operator+(W128 a, W64 b) { return {a.v + b.v}; }
  template <int K>
  MEGASEAL_INLINE W64 shr() const {
    return {u64(v >> K)};
  }
  MEGASEAL_INLINE W64 low() const { return {u64(v)}; }
  MEGASEAL_INLINE W64 high() const { return {u64(v >> 64)}; }
};
MEGASEAL_INLINE W128 mul_wide(W64 a, W64 b) { return {(unsigned __int128)a.v * b.v}; }
#endif
/// The two halves of a product, apart. g++ 12 keeps a 128-bit number in two neighbouring registers, and moves it there
/// through memory when they are taken; with the multiplication by name it does not.
MEGASEAL_INLINE void mul_halves(W64& low, W64& high, W64 a, W64 b) {
#if defined(__x86_64__) && defined(__BMI2__)
  __asm__("mulx %3, %0, %1" : "=r"(low.v), "=r"(high.v) : "%d"(a.v), "r"(b.v));
#else
  const unsigned __int128 p = (unsigned __int128)a.v * b.v;
  low.v = u64(p), high.v = u64(p >> 64);
#endif
}
/// c + a b
MEGASEAL_INLINE W128 mul_add(W128 c, W64 a, W64 b) { return c + mul_wide(a, b); }

/// x += a over two limbs, and over three: carries go from limb to limb, and the highest limb's sum is exact.
/// g++ 12 makes three instructions of each carry, or keeps it in memory (Poly1305 takes half as long again), and clang 14
/// some of them; hence the add-with-carry by name where it is known. clang takes operands from memory whenever it may.
#if defined(__clang__)
#define MEGASEAL_ADDEND "re"
#else
#define MEGASEAL_ADDEND "rme"
#endif
MEGASEAL_INLINE void add2(W64& x0, W64& x1, W64 a0, W64 a1) {
#if defined(__x86_64__)
  __asm__("add %2, %0\n\tadc %3, %1"
          : "+&r"(x0.v), "+r"(x1.v)
          : MEGASEAL_ADDEND(a0.v), MEGASEAL_ADDEND(a1.v)
          : "cc");
#else
  unsigned long long low;
  const bool carry = __builtin_add_overflow(x0.v, a0.v, &low);
  x0.v = low;
  x1.v = x1.v + a1.v + carry;
#endif
}
MEGASEAL_INLINE void add3(W64& x0, W64& x1, W64& x2, W64 a0, W64 a1, W64 a2) {
#if defined(__x86_64__)
  __asm__("add %3, %0\n\tadc %4, %1\n\tadc %5, %2"
          : "+&r"(x0.v), "+&r"(x1.v), "+r"(x2.v)
          : MEGASEAL_ADDEND(a0.v), MEGASEAL_ADDEND(a1.v), MEGASEAL_ADDEND(a2.v)
          : "cc");
#else
  unsigned long long low;
  const bool carry = __builtin_add_overflow(x0.v, a0.v, &low);
  x0.v = low;
  unsigned long long middle;
  const bool carry1 = __builtin_add_overflow(x1.v, a1.v, &middle);
  const bool carry2 = __builtin_add_overflow(middle, (unsigned long long)carry, &middle);
  x1.v = middle;
  x2.v = x2.v + a2.v + carry1 + carry2;
#endif
}
#undef MEGASEAL_ADDEND
MEGASEAL_INLINE void store_bytes(u8* p, W64 x) { store_le64(p, x.v); }

MEGASEAL_KERNELS_END
