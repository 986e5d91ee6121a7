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

struct Carries32;

struct W32 {
  using Carries = Carries32;
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

/// Sums and products of numbers in 32-bit limbs, r[0] + r[1] 2^32 + …, whose carries go from limb to limb. A row is the
/// product of one limb with every other limb of a number, two limbs a product side by side; each multiplication, its
/// addition and both its carries are one instruction of the device (IMAD.WIDE.U32.X), which ptxas makes of the pair that
/// PTX has for it. A chain of carries is one `asm`: PTX keeps its carry flag from one instruction to the next, and the
/// compiler knows nothing of it.
struct Carries32 {
  /// r[0 … 2 N - 1] <- the sum of a[2 i] b 2^(64 i) for i < N
  template <int N>
  static MEGASEAL_INLINE void row(u32* r, const u32* a, u32 b) {
    MEGASEAL_UNROLL(4)
    for (int i = 0; i < N; i++) {
      const u64 p = u64(a[2 * i]) * b;
      r[2 * i] = u32(p), r[2 * i + 1] = u32(p >> 32);
    }
  }
  /// The same added to r. Pre: the sum is below 2^(64 N).
  template <int N>
  static MEGASEAL_INLINE void add_row(u32* r, const u32* a, u32 b) {
#if defined(__CUDA_ARCH__)
    static_assert(1 <= N && N <= 4);
    if constexpr (N == 1) {
      asm("mad.lo.cc.u32 %0, %2, %3, %0;\n\t"
          "madc.hi.u32 %1, %2, %3, %1;\n\t"
          : "+&r"(r[0]), "+r"(r[1])
          : "r"(a[0]), "r"(b));
    } else if constexpr (N == 2) {
      asm("mad.lo.cc.u32 %0, %4, %6, %0;\n\t"
          "madc.hi.cc.u32 %1, %4, %6, %1;\n\t"
          "madc.lo.cc.u32 %2, %5, %6, %2;\n\t"
          "madc.hi.u32 %3, %5, %6, %3;\n\t"
          : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+r"(r[3])
          : "r"(a[0]), "r"(a[2]), "r"(b));
    } else if constexpr (N == 3) {
      asm("mad.lo.cc.u32 %0, %6, %9, %0;\n\t"
          "madc.hi.cc.u32 %1, %6, %9, %1;\n\t"
          "madc.lo.cc.u32 %2, %7, %9, %2;\n\t"
          "madc.hi.cc.u32 %3, %7, %9, %3;\n\t"
          "madc.lo.cc.u32 %4, %8, %9, %4;\n\t"
          "madc.hi.u32 %5, %8, %9, %5;\n\t"
          : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+&r"(r[3]), "+&r"(r[4]), "+r"(r[5])
          : "r"(a[0]), "r"(a[2]), "r"(a[4]), "r"(b));
    } else if constexpr (N == 4) {
      asm("mad.lo.cc.u32 %0, %8, %12, %0;\n\t"
          "madc.hi.cc.u32 %1, %8, %12, %1;\n\t"
          "madc.lo.cc.u32 %2, %9, %12, %2;\n\t"
          "madc.hi.cc.u32 %3, %9, %12, %3;\n\t"
          "madc.lo.cc.u32 %4, %10, %12, %4;\n\t"
          "madc.hi.cc.u32 %5, %10, %12, %5;\n\t"
          "madc.lo.cc.u32 %6, %11, %12, %6;\n\t"
          "madc.hi.u32 %7, %11, %12, %7;\n\t"
          : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+&r"(r[3]), "+&r"(r[4]), "+&r"(r[5]), "+&r"(r[6]), "+r"(r[7])
          : "r"(a[0]), "r"(a[2]), "r"(a[4]), "r"(a[6]), "r"(b));
    }
#else
    (void)sum_row<N>(r, a, b);
#endif
  }
  /// The same for any sum, whose carry goes to r[2 N].
  template <int N>
  static MEGASEAL_INLINE void add_row_carry(u32* r, const u32* a, u32 b) {
#if defined(__CUDA_ARCH__)
    static_assert(1 <= N && N <= 4);
    if constexpr (N == 1) {
      asm("mad.lo.cc.u32 %0, %3, %4, %0;\n\t"
          "madc.hi.cc.u32 %1, %3, %4, %1;\n\t"
          "addc.u32 %2, 0, 0;\n\t"
          : "+&r"(r[0]), "+&r"(r[1]), "=r"(r[2])
          : "r"(a[0]), "r"(b));
    } else if constexpr (N == 2) {
      asm("mad.lo.cc.u32 %0, %5, %7, %0;\n\t"
          "madc.hi.cc.u32 %1, %5, %7, %1;\n\t"
          "madc.lo.cc.u32 %2, %6, %7, %2;\n\t"
          "madc.hi.cc.u32 %3, %6, %7, %3;\n\t"
          "addc.u32 %4, 0, 0;\n\t"
          : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+&r"(r[3]), "=r"(r[4])
          : "r"(a[0]), "r"(a[2]), "r"(b));
    } else if constexpr (N == 3) {
      asm("mad.lo.cc.u32 %0, %7, %10, %0;\n\t"
          "madc.hi.cc.u32 %1, %7, %10, %1;\n\t"
          "madc.lo.cc.u32 %2, %8, %10, %2;\n\t"
          "madc.hi.cc.u32 %3, %8, %10, %3;\n\t"
          "madc.lo.cc.u32 %4, %9, %10, %4;\n\t"
          "madc.hi.cc.u32 %5, %9, %10, %5;\n\t"
          "addc.u32 %6, 0, 0;\n\t"
          : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+&r"(r[3]), "+&r"(r[4]), "+&r"(r[5]), "=r"(r[6])
          : "r"(a[0]), "r"(a[2]), "r"(a[4]), "r"(b));
    } else if constexpr (N == 4) {
      asm("mad.lo.cc.u32 %0, %9, %13, %0;\n\t"
          "madc.hi.cc.u32 %1, %9, %13, %1;\n\t"
          "madc.lo.cc.u32 %2, %10, %13, %2;\n\t"
          "madc.hi.cc.u32 %3, %10, %13, %3;\n\t"
          "madc.lo.cc.u32 %4, %11, %13, %4;\n\t"
          "madc.hi.cc.u32 %5, %11, %13, %5;\n\t"
          "madc.lo.cc.u32 %6, %12, %13, %6;\n\t"
          "madc.hi.cc.u32 %7, %12, %13, %7;\n\t"
          "addc.u32 %8, 0, 0;\n\t"
          : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+&r"(r[3]), "+&r"(r[4]), "+&r"(r[5]), "+&r"(r[6]), "+&r"(r[7]),
            "=r"(r[8])
          : "r"(a[0]), "r"(a[2]), "r"(a[4]), "r"(a[6]), "r"(b));
    }
#else
    r[2 * N] = sum_row<N>(r, a, b);
#endif
  }
  /// r[0 … 15] += the sum of a[i]^2 2^(64 i) for i < 8. Pre: the sum is below 2^512.
  static MEGASEAL_INLINE void add_squares(u32* r, const u32* a) {
#if defined(__CUDA_ARCH__)
    asm("mad.lo.cc.u32 %0, %16, %16, %0;\n\t"
        "madc.hi.cc.u32 %1, %16, %16, %1;\n\t"
        "madc.lo.cc.u32 %2, %17, %17, %2;\n\t"
        "madc.hi.cc.u32 %3, %17, %17, %3;\n\t"
        "madc.lo.cc.u32 %4, %18, %18, %4;\n\t"
        "madc.hi.cc.u32 %5, %18, %18, %5;\n\t"
        "madc.lo.cc.u32 %6, %19, %19, %6;\n\t"
        "madc.hi.cc.u32 %7, %19, %19, %7;\n\t"
        "madc.lo.cc.u32 %8, %20, %20, %8;\n\t"
        "madc.hi.cc.u32 %9, %20, %20, %9;\n\t"
        "madc.lo.cc.u32 %10, %21, %21, %10;\n\t"
        "madc.hi.cc.u32 %11, %21, %21, %11;\n\t"
        "madc.lo.cc.u32 %12, %22, %22, %12;\n\t"
        "madc.hi.cc.u32 %13, %22, %22, %13;\n\t"
        "madc.lo.cc.u32 %14, %23, %23, %14;\n\t"
        "madc.hi.u32 %15, %23, %23, %15;\n\t"
        : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+&r"(r[3]), "+&r"(r[4]), "+&r"(r[5]), "+&r"(r[6]), "+&r"(r[7]),
          "+&r"(r[8]), "+&r"(r[9]), "+&r"(r[10]), "+&r"(r[11]), "+&r"(r[12]), "+&r"(r[13]), "+&r"(r[14]), "+r"(r[15])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]));
#else
    u64 carry = 0;
    for (int i = 0; i < 8; i++) {
      const u64 square = u64(a[i]) * a[i], low = u64(r[2 * i]) + u32(square) + carry;
      const u64 high = u64(r[2 * i + 1]) + (square >> 32) + (low >> 32);
      r[2 * i] = u32(low), r[2 * i + 1] = u32(high), carry = high >> 32;
    }
#endif
  }
  /// r <- a + b over N limbs; gives the carry, 0 or 1. (r may be a or b.)
  template <int N>
  static MEGASEAL_INLINE u32 add(u32* r, const u32* a, const u32* b) {
    u32 carry;
#if defined(__CUDA_ARCH__)
    static_assert(N == 7 || N == 8 || N == 12);
    if constexpr (N == 7) {
      asm("add.cc.u32 %0, %8, %15;\n\t"
          "addc.cc.u32 %1, %9, %16;\n\t"
          "addc.cc.u32 %2, %10, %17;\n\t"
          "addc.cc.u32 %3, %11, %18;\n\t"
          "addc.cc.u32 %4, %12, %19;\n\t"
          "addc.cc.u32 %5, %13, %20;\n\t"
          "addc.cc.u32 %6, %14, %21;\n\t"
          "addc.u32 %7, 0, 0;\n\t"
          : "=&r"(r[0]), "=&r"(r[1]), "=&r"(r[2]), "=&r"(r[3]), "=&r"(r[4]), "=&r"(r[5]), "=&r"(r[6]), "=r"(carry)
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(b[0]), "r"(b[1]),
            "r"(b[2]), "r"(b[3]), "r"(b[4]), "r"(b[5]), "r"(b[6]));
    } else if constexpr (N == 8) {
      asm("add.cc.u32 %0, %9, %17;\n\t"
          "addc.cc.u32 %1, %10, %18;\n\t"
          "addc.cc.u32 %2, %11, %19;\n\t"
          "addc.cc.u32 %3, %12, %20;\n\t"
          "addc.cc.u32 %4, %13, %21;\n\t"
          "addc.cc.u32 %5, %14, %22;\n\t"
          "addc.cc.u32 %6, %15, %23;\n\t"
          "addc.cc.u32 %7, %16, %24;\n\t"
          "addc.u32 %8, 0, 0;\n\t"
          : "=&r"(r[0]), "=&r"(r[1]), "=&r"(r[2]), "=&r"(r[3]), "=&r"(r[4]), "=&r"(r[5]), "=&r"(r[6]), "=&r"(r[7]),
            "=r"(carry)
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]), "r"(b[0]),
            "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(b[4]), "r"(b[5]), "r"(b[6]), "r"(b[7]));
    } else if constexpr (N == 12) {
      asm("add.cc.u32 %0, %13, %25;\n\t"
          "addc.cc.u32 %1, %14, %26;\n\t"
          "addc.cc.u32 %2, %15, %27;\n\t"
          "addc.cc.u32 %3, %16, %28;\n\t"
          "addc.cc.u32 %4, %17, %29;\n\t"
          "addc.cc.u32 %5, %18, %30;\n\t"
          "addc.cc.u32 %6, %19, %31;\n\t"
          "addc.cc.u32 %7, %20, %32;\n\t"
          "addc.cc.u32 %8, %21, %33;\n\t"
          "addc.cc.u32 %9, %22, %34;\n\t"
          "addc.cc.u32 %10, %23, %35;\n\t"
          "addc.cc.u32 %11, %24, %36;\n\t"
          "addc.u32 %12, 0, 0;\n\t"
          : "=&r"(r[0]), "=&r"(r[1]), "=&r"(r[2]), "=&r"(r[3]), "=&r"(r[4]), "=&r"(r[5]), "=&r"(r[6]), "=&r"(r[7]),
            "=&r"(r[8]), "=&r"(r[9]), "=&r"(r[10]), "=&r"(r[11]), "=r"(carry)
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]), "r"(a[8]),
            "r"(a[9]), "r"(a[10]), "r"(a[11]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(b[4]),
            "r"(b[5]), "r"(b[6]), "r"(b[7]), "r"(b[8]), "r"(b[9]), "r"(b[10]), "r"(b[11]));
    }
#else
    u64 sum = 0;
    for (int i = 0; i < N; i++) sum = u64(a[i]) + b[i] + (sum >> 32), r[i] = u32(sum);
    carry = u32(sum >> 32);
#endif
    return carry;
  }
  /// r <- a - b over 8 limbs; gives all ones if it is below 0, and else 0.
  static MEGASEAL_INLINE u32 sub(u32* r, const u32* a, const u32* b) {
    u32 carry;
#if defined(__CUDA_ARCH__)
    asm("sub.cc.u32 %0, %9, %17;\n\t"
        "subc.cc.u32 %1, %10, %18;\n\t"
        "subc.cc.u32 %2, %11, %19;\n\t"
        "subc.cc.u32 %3, %12, %20;\n\t"
        "subc.cc.u32 %4, %13, %21;\n\t"
        "subc.cc.u32 %5, %14, %22;\n\t"
        "subc.cc.u32 %6, %15, %23;\n\t"
        "subc.cc.u32 %7, %16, %24;\n\t"
        "subc.u32 %8, 0, 0;\n\t"
        : "=&r"(r[0]), "=&r"(r[1]), "=&r"(r[2]), "=&r"(r[3]), "=&r"(r[4]), "=&r"(r[5]), "=&r"(r[6]), "=&r"(r[7]),
          "=r"(carry)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]), "r"(b[0]),
          "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(b[4]), "r"(b[5]), "r"(b[6]), "r"(b[7]));
#else
    u64 difference = 0;
    for (int i = 0; i < 8; i++) difference = u64(a[i]) - b[i] - (difference >> 63), r[i] = u32(difference);
    carry = u32(difference >> 32);
#endif
    return carry;
  }
  /// r += x and r -= x over 8 limbs, modulo 2^256
  static MEGASEAL_INLINE void add_small(u32* r, u32 x) {
#if defined(__CUDA_ARCH__)
    asm("add.cc.u32 %0, %0, %8;\n\t"
        "addc.cc.u32 %1, %1, 0;\n\t"
        "addc.cc.u32 %2, %2, 0;\n\t"
        "addc.cc.u32 %3, %3, 0;\n\t"
        "addc.cc.u32 %4, %4, 0;\n\t"
        "addc.cc.u32 %5, %5, 0;\n\t"
        "addc.cc.u32 %6, %6, 0;\n\t"
        "addc.u32 %7, %7, 0;\n\t"
        : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+&r"(r[3]), "+&r"(r[4]), "+&r"(r[5]), "+&r"(r[6]), "+r"(r[7])
        : "r"(x));
#else
    u64 sum = u64(x) << 32;
    for (int i = 0; i < 8; i++) sum = r[i] + (sum >> 32), r[i] = u32(sum);
#endif
  }
  static MEGASEAL_INLINE void sub_small(u32* r, u32 x) {
#if defined(__CUDA_ARCH__)
    asm("sub.cc.u32 %0, %0, %8;\n\t"
        "subc.cc.u32 %1, %1, 0;\n\t"
        "subc.cc.u32 %2, %2, 0;\n\t"
        "subc.cc.u32 %3, %3, 0;\n\t"
        "subc.cc.u32 %4, %4, 0;\n\t"
        "subc.cc.u32 %5, %5, 0;\n\t"
        "subc.cc.u32 %6, %6, 0;\n\t"
        "subc.u32 %7, %7, 0;\n\t"
        : "+&r"(r[0]), "+&r"(r[1]), "+&r"(r[2]), "+&r"(r[3]), "+&r"(r[4]), "+&r"(r[5]), "+&r"(r[6]), "+r"(r[7])
        : "r"(x));
#else
    u64 difference = u64(r[0]) - x;
    r[0] = u32(difference);
    for (int i = 1; i < 8; i++) difference = u64(r[i]) - (difference >> 63), r[i] = u32(difference);
#endif
  }
  /// The high half of (high 2^32 + low) 2^K
  template <int K>
  static MEGASEAL_INLINE u32 shl(u32 low, u32 high) {
#if defined(__CUDA_ARCH__)
    return __funnelshift_l(low, high, K);
#else
    return high << K | low >> (32 - K);
#endif
  }

 private:
#if !defined(__CUDA_ARCH__)
  template <int N>
  static MEGASEAL_INLINE u32 sum_row(u32* r, const u32* a, u32 b) {
    u64 carry = 0;
    for (int i = 0; i < N; i++) {
      const u64 product = u64(a[2 * i]) * b, low = u64(r[2 * i]) + u32(product) + carry;
      const u64 high = u64(r[2 * i + 1]) + (product >> 32) + (low >> 32);
      r[2 * i] = u32(low), r[2 * i + 1] = u32(high), carry = high >> 32;
    }
    return u32(carry);
  }
#endif
};

MEGASEAL_KERNELS_END
