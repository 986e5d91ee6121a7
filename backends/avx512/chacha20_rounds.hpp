// The rounds of ChaCha20 for two groups of sixteen blocks side by side, in AVX-512's 32 registers, given out by hand.
//
// Each round is a chain of twelve operations. Where a vector operation takes two cycles and there are four ports (Zen 5), one
// group keeps the ports busy for half of the time only: 48.5 cycles a double round, where two groups side by side take 58.
// The state of two groups fills all registers, and a compiler that gives them out itself spills among the rounds.
#pragma once
#include "backends/avx512/word32.hpp"

MEGASEAL_KERNELS_BEGIN

#define MEGASEAL_REGISTER_a0 "zmm0"
#define MEGASEAL_REGISTER_a1 "zmm1"
#define MEGASEAL_REGISTER_a2 "zmm2"
#define MEGASEAL_REGISTER_a3 "zmm3"
#define MEGASEAL_REGISTER_b0 "zmm4"
#define MEGASEAL_REGISTER_b1 "zmm5"
#define MEGASEAL_REGISTER_b2 "zmm6"
#define MEGASEAL_REGISTER_b3 "zmm7"
#define MEGASEAL_REGISTER_c0 "zmm8"
#define MEGASEAL_REGISTER_c1 "zmm9"
#define MEGASEAL_REGISTER_c2 "zmm10"
#define MEGASEAL_REGISTER_c3 "zmm11"
#define MEGASEAL_REGISTER_d0 "zmm12"
#define MEGASEAL_REGISTER_d1 "zmm13"
#define MEGASEAL_REGISTER_d2 "zmm14"
#define MEGASEAL_REGISTER_d3 "zmm15"
#define MEGASEAL_REGISTER_aa0 "zmm16"
#define MEGASEAL_REGISTER_aa1 "zmm17"
#define MEGASEAL_REGISTER_aa2 "zmm18"
#define MEGASEAL_REGISTER_aa3 "zmm19"
#define MEGASEAL_REGISTER_bb0 "zmm20"
#define MEGASEAL_REGISTER_bb1 "zmm21"
#define MEGASEAL_REGISTER_bb2 "zmm22"
#define MEGASEAL_REGISTER_bb3 "zmm23"
#define MEGASEAL_REGISTER_cc0 "zmm24"
#define MEGASEAL_REGISTER_cc1 "zmm25"
#define MEGASEAL_REGISTER_cc2 "zmm26"
#define MEGASEAL_REGISTER_cc3 "zmm27"
#define MEGASEAL_REGISTER_dd0 "zmm28"
#define MEGASEAL_REGISTER_dd1 "zmm29"
#define MEGASEAL_REGISTER_dd2 "zmm30"
#define MEGASEAL_REGISTER_dd3 "zmm31"
/// x, in its register. A variable is bound to one for the length of a statement only, which is what the language extension
/// promises; between the statements the compiler finds no reason, and no other register, to move it to.
#define MEGASEAL_IN_REGISTER(x) register __m512i in_##x __asm__(MEGASEAL_REGISTER_##x) = x

// a += b; d = (d ^ a) <<< n, twice.
#define MEGASEAL_STEP(n, a, b, d)     \
  "vpaddd %[" b "], %[" a "], %[" a   \
  "]\n\t"                             \
  "vpaddd %[" b "1], %[" a "1], %[" a \
  "1]\n\t"                            \
  "vpxord %[" a "], %[" d "], %[" d   \
  "]\n\t"                             \
  "vpxord %[" a "1], %[" d "1], %[" d \
  "1]\n\t"                            \
  "vprold $" n ", %[" d "], %[" d     \
  "]\n\t"                             \
  "vprold $" n ", %[" d "1], %[" d "1]\n\t"
/// Two quarter rounds (RFC 8439 §2.1).
#define MEGASEAL_QUARTERS(a_, b_, c_, d_, a1_, b1_, c1_, d1_)                                               \
  do {                                                                                                      \
    MEGASEAL_IN_REGISTER(a_);                                                                               \
    MEGASEAL_IN_REGISTER(b_);                                                                               \
    MEGASEAL_IN_REGISTER(c_);                                                                               \
    MEGASEAL_IN_REGISTER(d_);                                                                               \
    MEGASEAL_IN_REGISTER(a1_);                                                                              \
    MEGASEAL_IN_REGISTER(b1_);                                                                              \
    MEGASEAL_IN_REGISTER(c1_);                                                                              \
    MEGASEAL_IN_REGISTER(d1_);                                                                              \
    __asm__ volatile(MEGASEAL_STEP("16", "a", "b", "d") MEGASEAL_STEP("12", "c", "d", "b")                  \
                         MEGASEAL_STEP("8", "a", "b", "d") MEGASEAL_STEP("7", "c", "d", "b")                \
                     : [a] "+v"(in_##a_), [b] "+v"(in_##b_), [c] "+v"(in_##c_), [d] "+v"(in_##d_),          \
                       [a1] "+v"(in_##a1_), [b1] "+v"(in_##b1_), [c1] "+v"(in_##c1_), [d1] "+v"(in_##d1_)); \
    a_ = in_##a_, b_ = in_##b_, c_ = in_##c_, d_ = in_##d_;                                                 \
    a1_ = in_##a1_, b1_ = in_##b1_, c1_ = in_##c1_, d1_ = in_##d1_;                                         \
  } while (0)

/// The rounds of x and y, as chacha20_rounds (chacha20.hpp) has them for one group. side.turn() comes 40 times; what it does
/// must want no vector register.
template <class Side>
MEGASEAL_INLINE void chacha20_rounds_pair(W32x16 (&x)[16], W32x16 (&y)[16], Side& side) {
  __m512i a0 = x[0].v, a1 = x[1].v, a2 = x[2].v, a3 = x[3].v, b0 = x[4].v, b1 = x[5].v, b2 = x[6].v,
          b3 = x[7].v;
  __m512i c0 = x[8].v, c1 = x[9].v, c2 = x[10].v, c3 = x[11].v;
  __m512i d0 = x[12].v, d1 = x[13].v, d2 = x[14].v, d3 = x[15].v;
  __m512i aa0 = y[0].v, aa1 = y[1].v, aa2 = y[2].v, aa3 = y[3].v, bb0 = y[4].v, bb1 = y[5].v, bb2 = y[6].v,
          bb3 = y[7].v;
  __m512i cc0 = y[8].v, cc1 = y[9].v, cc2 = y[10].v, cc3 = y[11].v;
  __m512i dd0 = y[12].v, dd1 = y[13].v, dd2 = y[14].v, dd3 = y[15].v;
  for (int i = 0; i < 10; i++) {
    MEGASEAL_QUARTERS(a0, b0, c0, d0, a1, b1, c1, d1);  // columns
    MEGASEAL_QUARTERS(a2, b2, c2, d2, a3, b3, c3, d3);
    side.turn();
    MEGASEAL_QUARTERS(aa0, bb0, cc0, dd0, aa1, bb1, cc1, dd1);
    MEGASEAL_QUARTERS(aa2, bb2, cc2, dd2, aa3, bb3, cc3, dd3);
    side.turn();
    MEGASEAL_QUARTERS(a0, b1, c2, d3, a1, b2, c3, d0);  // diagonals
    MEGASEAL_QUARTERS(a2, b3, c0, d1, a3, b0, c1, d2);
    side.turn();
    MEGASEAL_QUARTERS(aa0, bb1, cc2, dd3, aa1, bb2, cc3, dd0);
    MEGASEAL_QUARTERS(aa2, bb3, cc0, dd1, aa3, bb0, cc1, dd2);
    side.turn();
  }
  x[0].v = a0, x[1].v = a1, x[2].v = a2, x[3].v = a3, x[4].v = b0, x[5].v = b1, x[6].v = b2, x[7].v = b3;
  x[8].v = c0, x[9].v = c1, x[10].v = c2, x[11].v = c3, x[12].v = d0, x[13].v = d1, x[14].v = d2,
  x[15].v = d3;
  y[0].v = aa0, y[1].v = aa1, y[2].v = aa2, y[3].v = aa3, y[4].v = bb0, y[5].v = bb1, y[6].v = bb2,
  y[7].v = bb3;
  y[8].v = cc0, y[9].v = cc1, y[10].v = cc2, y[11].v = cc3, y[12].v = dd0, y[13].v = dd1, y[14].v = dd2,
  y[15].v = dd3;
}

#undef MEGASEAL_QUARTERS
#undef MEGASEAL_STEP
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
#undef MEGASEAL_REGISTER_c2
#undef MEGASEAL_REGISTER_c3
#undef MEGASEAL_REGISTER_d0
#undef MEGASEAL_REGISTER_d1
#undef MEGASEAL_REGISTER_d2
#undef MEGASEAL_REGISTER_d3
#undef MEGASEAL_REGISTER_aa0
#undef MEGASEAL_REGISTER_aa1
#undef MEGASEAL_REGISTER_aa2
#undef MEGASEAL_REGISTER_aa3
#undef MEGASEAL_REGISTER_bb0
#undef MEGASEAL_REGISTER_bb1
#undef MEGASEAL_REGISTER_bb2
#undef MEGASEAL_REGISTER_bb3
#undef MEGASEAL_REGISTER_cc0
#undef MEGASEAL_REGISTER_cc1
#undef MEGASEAL_REGISTER_cc2
#undef MEGASEAL_REGISTER_cc3
#undef MEGASEAL_REGISTER_dd0
#undef MEGASEAL_REGISTER_dd1
#undef MEGASEAL_REGISTER_dd2
#undef MEGASEAL_REGISTER_dd3

MEGASEAL_KERNELS_END
