// Poly1305 (RFC 8439 §2.5) for a lane with 32 x 32 -> 64-bit products that add into 64 bits.
//
// Whole 32-bit limbs: 19 wide products and a narrow one for 16 bytes, where limbs of 26 bits take 25, and what leaves a
// 64-bit sum for the next limb is its upper register, which costs no shift and no mask. They work because clamping leaves
// r0 … r3 < 2^28 and r1, r2, r3 multiples of 4, so that
//   2^128·r_i = 2^130·(r_i/4) = 5·(r_i/4) = r_i + r_i/4 =: s_i (mod p), exactly, i from 1 on.
// Between blocks: h0 … h3 < 2^32, h4 <= 4. Every addition is exact; the bounds say why, and tests/cuda checks them.
//
// A message shared among lanes is a sum of runs of blocks, each times a power of r. Powers are not clamped: they are
// computed in limbs of 26 bits (kernels/poly1305_field26.hpp), a dozen products a lane.
#pragma once
#include "kernels/base.hpp"
#include "kernels/poly1305_field26.hpp"

MEGASEAL_KERNELS_BEGIN

struct PolyWord64;

/// What the accumulator is made of: numbers of 32 bits, and sums of their products.
struct PolyNarrow {
  using Word64 = PolyWord64;  // which limbs of 26 bits need
  u32 v;
  static MEGASEAL_INLINE PolyNarrow splat(u32 x) { return {x}; }
  friend MEGASEAL_INLINE PolyNarrow operator+(PolyNarrow a, PolyNarrow b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE PolyNarrow operator*(PolyNarrow a, PolyNarrow b) { return {a.v * b.v}; }
  friend MEGASEAL_INLINE PolyNarrow operator&(PolyNarrow a, PolyNarrow b) { return {a.v & b.v}; }
  template <int N>
  MEGASEAL_INLINE PolyNarrow shr() const {
    return {v >> N};
  }
  /// As an integer of 64 bits, and its halves.
  static MEGASEAL_INLINE u64 joined(PolyNarrow low, PolyNarrow high) { return u64(high.v) << 32 | low.v; }
  static MEGASEAL_INLINE PolyNarrow low_of(u64 x) { return {u32(x)}; }
  static MEGASEAL_INLINE PolyNarrow high_of(u64 x) { return {u32(x >> 32)}; }
};
struct PolyWide {
  u64 v;
  friend MEGASEAL_INLINE PolyWide operator+(PolyWide a, PolyWide b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE PolyWide operator+(PolyWide a, PolyNarrow b) { return {a.v + b.v}; }
  MEGASEAL_INLINE PolyNarrow low() const { return {u32(v)}; }
  MEGASEAL_INLINE PolyNarrow high() const { return {u32(v >> 32)}; }
};
MEGASEAL_INLINE PolyWide mul_wide(PolyNarrow a, PolyNarrow b) { return {u64(a.v) * b.v}; }
/// h += m, five limbs with carries; the uppermost sum does not wrap.
MEGASEAL_INLINE void add_limbs(PolyNarrow (&h)[5], PolyNarrow m0, PolyNarrow m1, PolyNarrow m2, PolyNarrow m3,
                               PolyNarrow m4) {
#if defined(__CUDA_ARCH__)
  asm("add.cc.u32 %0, %0, %5;\n\t"
      "addc.cc.u32 %1, %1, %6;\n\t"
      "addc.cc.u32 %2, %2, %7;\n\t"
      "addc.cc.u32 %3, %3, %8;\n\t"
      "addc.u32 %4, %4, %9;"
      : "+&r"(h[0].v), "+&r"(h[1].v), "+&r"(h[2].v), "+&r"(h[3].v), "+r"(h[4].v)
      : "r"(m0.v), "r"(m1.v), "r"(m2.v), "r"(m3.v), "r"(m4.v));
#else
  u64 sum = u64(h[0].v) + m0.v;
  h[0].v = u32(sum), sum = (sum >> 32) + h[1].v + m1.v;
  h[1].v = u32(sum), sum = (sum >> 32) + h[2].v + m2.v;
  h[2].v = u32(sum), sum = (sum >> 32) + h[3].v + m3.v;
  h[3].v = u32(sum), sum = (sum >> 32) + h[4].v + m4.v;
  h[4].v = u32(sum);
#endif
}

/// The clamped multiplier.
template <class N>
struct PolyKey {
  N r[4];  // < 2^28, r1 … r3 multiples of 4
  N s[4];  // r + r/4 < 1.25·2^28; s[0] is not used
};
template <class N>
MEGASEAL_INLINE PolyKey<N> poly_key(N r0, N r1, N r2, N r3) {
  PolyKey<N> k;
  k.r[0] = r0 & N::splat(0x0fffffff);
  k.r[1] = r1 & N::splat(0x0ffffffc), k.r[2] = r2 & N::splat(0x0ffffffc), k.r[3] = r3 & N::splat(0x0ffffffc);
  k.s[0] = N::splat(0);
  k.s[1] = k.r[1] + k.r[1].template shr<2>();
  k.s[2] = k.r[2] + k.r[2].template shr<2>();
  k.s[3] = k.r[3] + k.r[3].template shr<2>();
  return k;
}

template <class N>
struct PolySum {
  N h[5];

  MEGASEAL_INLINE void clear() { h[0] = h[1] = h[2] = h[3] = h[4] = N::splat(0); }

  /// h = (h + m + 2^128·top)·r, partly reduced; top 0 or 1.
  MEGASEAL_INLINE void block(N m0, N m1, N m2, N m3, u32 top, const PolyKey<N>& k) {
    add_limbs(h, m0, m1, m2, m3, N::splat(top));  // h4 <= 4 + 1 + 1
    // Products of h0 … h3 are < 2^60 with r and < 1.25·2^60 with s, those of h4 < 2^31: each sum < 4.76·2^60, and what it
    // carries to the next < 4.76·2^28.
    // A carry is what the next sum begins with: no addition of its own.
    const auto d0 =
        mul_wide(h[0], k.r[0]) + mul_wide(h[1], k.s[3]) + mul_wide(h[2], k.s[2]) + mul_wide(h[3], k.s[1]);
    const auto d1 = mul_wide(h[0], k.r[1]) + d0.high() + mul_wide(h[1], k.r[0]) + mul_wide(h[2], k.s[3]) +
                    mul_wide(h[3], k.s[2]) + mul_wide(h[4], k.s[1]);
    const auto d2 = mul_wide(h[0], k.r[2]) + d1.high() + mul_wide(h[1], k.r[1]) + mul_wide(h[2], k.r[0]) +
                    mul_wide(h[3], k.s[3]) + mul_wide(h[4], k.s[2]);
    const auto d3 = mul_wide(h[0], k.r[3]) + d2.high() + mul_wide(h[1], k.r[2]) + mul_wide(h[2], k.r[1]) +
                    mul_wide(h[3], k.r[0]) + mul_wide(h[4], k.s[3]);
    const N d4 = h[4] * k.r[0] + d3.high();  // < 6·2^28 + 4.76·2^28
    // Bits 130 and up return times 5: d4/4·5 < 13.5·2^28.
    const N c = d4.template shr<2>() + (d4 & N::splat(~u32(3)));
    h[0] = d0.low(), h[1] = d1.low(), h[2] = d2.low(), h[3] = d3.low(), h[4] = d4 & N::splat(3);
    add_limbs(h, c, N::splat(0), N::splat(0), N::splat(0), N::splat(0));  // h4 <= 3 + 1
  }

  /// h += another sum; partly reduced again.
  MEGASEAL_INLINE void add(const PolySum& other) {
    add_limbs(h, other.h[0], other.h[1], other.h[2], other.h[3], other.h[4]);  // h4 <= 9
    const N c = h[4].template shr<2>() + (h[4] & N::splat(~u32(3)));
    h[4] = h[4] & N::splat(3);
    add_limbs(h, c, N::splat(0), N::splat(0), N::splat(0), N::splat(0));
  }

  /// The tag (h mod p) + pad mod 2^128.
  MEGASEAL_INLINE void finish(N (&tag)[4], const N (&pad)[4]) const {
    // h < 5·2^128 < 2p, so that h mod p is h or h - p = h + 5 - 2^130: the latter where h + 5 reaches bit 130.
    N g[5] = {h[0], h[1], h[2], h[3], h[4]};
    add_limbs(g, N::splat(5), N::splat(0), N::splat(0), N::splat(0), N::splat(0));
    const N five = g[4].template shr<2>() * N::splat(5);  // g4 <= 5; modulo 2^128 h + 5·[h >= p]
    N t[5] = {h[0], h[1], h[2], h[3], N::splat(0)};
    add_limbs(t, five, N::splat(0), N::splat(0), N::splat(0), N::splat(0));
    t[4] = N::splat(0);
    add_limbs(t, pad[0], pad[1], pad[2], pad[3], N::splat(0));
    for (int i = 0; i < 4; i++) tag[i] = t[i];
  }
};

/// The 64-bit word of limbs of 26 bits.
struct PolyWord64 {
  static constexpr int lanes = 1;
  u64 v;
  static MEGASEAL_INLINE PolyWord64 splat(u64 x) { return {x}; }
  static MEGASEAL_INLINE PolyWord64 zero() { return {0}; }
  MEGASEAL_INLINE u64 first() const { return v; }
  friend MEGASEAL_INLINE PolyWord64 operator+(PolyWord64 a, PolyWord64 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE PolyWord64 operator&(PolyWord64 a, PolyWord64 b) { return {a.v & b.v}; }
  friend MEGASEAL_INLINE PolyWord64 operator|(PolyWord64 a, PolyWord64 b) { return {a.v | b.v}; }
  template <int N>
  MEGASEAL_INLINE PolyWord64 shr() const {
    return {v >> N};
  }
  template <int N>
  MEGASEAL_INLINE PolyWord64 shl() const {
    return {v << N};
  }
  template <int N>
  MEGASEAL_INLINE PolyWord64 shl_drop() const {
    return {v << N};
  }
  friend MEGASEAL_INLINE PolyWord64 mul_low32(PolyWord64 a, PolyWord64 b) {
    return {u64(u32(a.v)) * u32(b.v)};
  }
  friend MEGASEAL_INLINE void pin(PolyWord64&) {}
};

/// sum·r^e, e public: a message has less than 2^28 blocks.
template <class N>
MEGASEAL_INLINE void poly_times_power(PolySum<N>& sum, const PolyKey<N>& key, u32 e) {
  using W = typename N::Word64;
  using Field = Poly1305Field26<W>;
  using Number = decltype(W{}.first());
  if (e == 0) return;
  const auto load = [](typename Field::Elem & out, const N* h, N top) __attribute__((always_inline)) {
    Number l[5];
    Field::split(l, N::joined(h[0], h[1]), N::joined(h[2], h[3]), N::joined(top, N::splat(0)));
    MEGASEAL_UNROLL(5)
    for (int i = 0; i < 5; i++) out.l[i] = W::splat(l[i]);
  };
  const auto times =
      [](typename Field::Elem & x, const typename Field::Elem& y) __attribute__((always_inline)) {
    typename Field::Sum t = Field::no_sum();
    Field::mul_add(t, x, Field::factor(y));
    x = Field::reduce(t);
  };
  typename Field::Elem r, power, x;
  load(r, key.r, N::splat(0));
  power = r;
  int bit = 31;
  while (!(e >> bit & 1)) bit--;
  while (bit-- != 0) {
    times(power, power);
    if (e >> bit & 1) times(power, r);
  }
  load(x, sum.h, sum.h[4]);
  times(x, power);
  Number l[5], h0, h1, h2;
  MEGASEAL_UNROLL(5)
  for (int i = 0; i < 5; i++) l[i] = x.l[i].first();
  Field::join(h0, h1, h2, l);
  sum.h[0] = N::low_of(h0), sum.h[1] = N::high_of(h0), sum.h[2] = N::low_of(h1), sum.h[3] = N::high_of(h1);
  sum.h[4] = N::low_of(h2);
}

MEGASEAL_KERNELS_END
