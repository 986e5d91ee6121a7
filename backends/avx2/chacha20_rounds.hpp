// The rounds of ChaCha20 in AVX2's sixteen registers, given out by hand.
//
// The state fills all sixteen, and a rotate by 12 or 7 wants one more. What a compiler spills instead it chooses anew
// at every step: some 30 moves a double round (g++ 12). Here words 8 to 11 have two registers between them and change
// places twice a double round, 8 moves, and two registers are left for rotates. Two quarter rounds go side by side; the
// next two are near enough for the processor to find.
#pragma once
#include "backends/avx2/word32.hpp"

MEGASEAL_KERNELS_BEGIN

/// In each number of 32 bits: bytes turned by two, by one.
alignas(32) constexpr u8 chacha20_rotl16[32] = {2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
                                                2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13};
alignas(32) constexpr u8 chacha20_rotl8[32] = {3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
                                               3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14};

#define MEGASEAL_REGISTER_a0 "ymm0"
#define MEGASEAL_REGISTER_a1 "ymm1"
#define MEGASEAL_REGISTER_a2 "ymm2"
#define MEGASEAL_REGISTER_a3 "ymm3"
#define MEGASEAL_REGISTER_b0 "ymm4"
#define MEGASEAL_REGISTER_b1 "ymm5"
#define MEGASEAL_REGISTER_b2 "ymm6"
#define MEGASEAL_REGISTER_b3 "ymm7"
#define MEGASEAL_REGISTER_c0 "ymm8"
#define MEGASEAL_REGISTER_c1 "ymm9"
#define MEGASEAL_REGISTER_d0 "ymm10"
#define MEGASEAL_REGISTER_d1 "ymm11"
#define MEGASEAL_REGISTER_d2 "ymm12"
#define MEGASEAL_REGISTER_d3 "ymm13"
/// x, in its register. A variable is bound to one for the length of a statement only, which is what the language extension
/// promises: between the statements anything may be called. The compiler finds no reason to move it meanwhile.
#define MEGASEAL_IN_REGISTER(x) register __m256i in_##x __asm__(MEGASEAL_REGISTER_##x) = x

// a += b; d = (d ^ a) <<< 16 or 8; c += d; b = (b ^ c) <<< N, twice.
#define MEGASEAL_HALF_QUARTERS(mask, left, right) \
  "vpaddd %[b], %[a], %[a]\n\t"                   \
  "vpaddd %[bb], %[aa], %[aa]\n\t"                \
  "vpxor %[a], %[d], %[d]\n\t"                    \
  "vpxor %[aa], %[dd], %[dd]\n\t"                 \
  "vpshufb %[" mask                               \
  "], %[d], %[d]\n\t"                             \
  "vpshufb %[" mask                               \
  "], %[dd], %[dd]\n\t"                           \
  "vpaddd %[d], %[c], %[c]\n\t"                   \
  "vpaddd %[dd], %[cc], %[cc]\n\t"                \
  "vpxor %[c], %[b], %[b]\n\t"                    \
  "vpxor %[cc], %[bb], %[bb]\n\t"                 \
  "vpslld $" left                                 \
  ", %[b], %[t]\n\t"                              \
  "vpslld $" left                                 \
  ", %[bb], %[tt]\n\t"                            \
  "vpsrld $" right                                \
  ", %[b], %[b]\n\t"                              \
  "vpsrld $" right                                \
  ", %[bb], %[bb]\n\t"                            \
  "vpor %[t], %[b], %[b]\n\t"                     \
  "vpor %[tt], %[bb], %[bb]\n\t"
/// Two quarter rounds (RFC 8439 §2.1), of (a, b, c0, d) and (aa, bb, c1, dd).
#define MEGASEAL_QUARTERS(a_, b_, d_, aa_, bb_, dd_)                                                     \
  do {                                                                                                   \
    MEGASEAL_IN_REGISTER(a_);                                                                            \
    MEGASEAL_IN_REGISTER(b_);                                                                            \
    MEGASEAL_IN_REGISTER(c0);                                                                            \
    MEGASEAL_IN_REGISTER(d_);                                                                            \
    MEGASEAL_IN_REGISTER(aa_);                                                                           \
    MEGASEAL_IN_REGISTER(bb_);                                                                           \
    MEGASEAL_IN_REGISTER(c1);                                                                            \
    MEGASEAL_IN_REGISTER(dd_);                                                                           \
    register __m256i t __asm__("ymm14"), tt __asm__("ymm15");                                            \
    __asm__ volatile(                                                                                    \
        MEGASEAL_HALF_QUARTERS("rotl16", "12", "20") MEGASEAL_HALF_QUARTERS("rotl8", "7", "25")          \
        : [a] "+x"(in_##a_), [b] "+x"(in_##b_), [c] "+x"(in_c0), [d] "+x"(in_##d_), [aa] "+x"(in_##aa_), \
          [bb] "+x"(in_##bb_), [cc] "+x"(in_c1), [dd] "+x"(in_##dd_), [t] "=&x"(t), [tt] "=&x"(tt)       \
        : [rotl16] "m"(chacha20_rotl16), [rotl8] "m"(chacha20_rotl8));                                   \
    a_ = in_##a_, b_ = in_##b_, c0 = in_c0, d_ = in_##d_;                                                \
    aa_ = in_##aa_, bb_ = in_##bb_, c1 = in_c1, dd_ = in_##dd_;                                          \
  } while (0)
/// c0 and c1 go to `from`, and what is in `to` comes instead.
#define MEGASEAL_CHANGE_PLACES(from, to)                                                  \
  do {                                                                                    \
    MEGASEAL_IN_REGISTER(c0);                                                             \
    MEGASEAL_IN_REGISTER(c1);                                                             \
    __asm__ volatile(                                                                     \
        "vmovdqa %[c], %[from0]\n\tvmovdqa %[cc], %[from1]\n\t"                           \
        "vmovdqa %[to0], %[c]\n\tvmovdqa %[to1], %[cc]"                                   \
        : [c] "+x"(in_c0), [cc] "+x"(in_c1), [from0] "=m"(from[0]), [from1] "=m"(from[1]) \
        : [to0] "m"(to[0]), [to1] "m"(to[1]));                                            \
    c0 = in_c0, c1 = in_c1;                                                               \
  } while (0)

/// What chacha20.hpp has under this name, for this word.
template <class Side>
MEGASEAL_INLINE void chacha20_rounds(W32x8 (&x)[16], Side& side) {
  __m256i a0 = x[0].v, a1 = x[1].v, a2 = x[2].v, a3 = x[3].v, b0 = x[4].v, b1 = x[5].v, b2 = x[6].v,
          b3 = x[7].v;
  __m256i c0 = x[8].v, c1 = x[9].v, d0 = x[12].v, d1 = x[13].v, d2 = x[14].v, d3 = x[15].v;
  __m256i c01[2], c23[2] = {x[10].v, x[11].v};
  for (int i = 0; i < 10; i++) {
    MEGASEAL_QUARTERS(a0, b0, d0, a1, b1, d1);  // columns
    MEGASEAL_CHANGE_PLACES(c01, c23);
    MEGASEAL_QUARTERS(a2, b2, d2, a3, b3, d3);
    side.template turn<0>();
    MEGASEAL_QUARTERS(a0, b1, d3, a1, b2, d0);  // diagonals
    MEGASEAL_CHANGE_PLACES(c23, c01);
    MEGASEAL_QUARTERS(a2, b3, d1, a3, b0, d2);
    side.template turn<1>();
  }
  x[0].v = a0, x[1].v = a1, x[2].v = a2, x[3].v = a3, x[4].v = b0, x[5].v = b1, x[6].v = b2, x[7].v = b3;
  x[8].v = c0, x[9].v = c1, x[10].v = c23[0], x[11].v = c23[1];
  x[12].v = d0, x[13].v = d1, x[14].v = d2, x[15].v = d3;
}

#undef MEGASEAL_CHANGE_PLACES
#undef MEGASEAL_QUARTERS
#undef MEGASEAL_HALF_QUARTERS
#undef MEGASEAL_IN_REGISTER
#undef MEGASEAL_REGISTER_a0
#undef MEGASEAL_REGISTER_a1
#undef MEGASEAL_REGISTER_a2
#undef MEGASEAL_REGISTER_a3
#undef MEGASEAL_REGISTER_b0
#undef MEGASEAL_REGISTER_b1
#undef MEGASEAL_REGISTER_b2
#undef MEGASEAL_REGISTER_b3
#undef MEGASEAL_REGISTER_c0
#undef MEGASEAL_REGISTER_c1
#undef MEGASEAL_REGISTER_d0
#undef MEGASEAL_REGISTER_d1
#undef MEGASEAL_REGISTER_d2
#undef MEGASEAL_REGISTER_d3

MEGASEAL_KERNELS_END
