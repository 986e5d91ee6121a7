// Poly1305 (RFC 8439 §2.5) over a 64-bit word with 64 x 64 -> 128-bit products.
//
// The accumulator is h = h0 + 2^64·h1 + 2^128·h2, the multiplier r = r0 + 2^64·r1, the field 2^130 - 5. Whole
// 64-bit limbs suit a scalar machine: four wide products a block and a short chain from one block to the
// next, where 44-bit limbs take nine. They work because clamping (§2.5) leaves r0, r1 < 2^60 and r1 a
// multiple of 4:
//   2^128·r1 = 2^130·(r1/4) = 5·(r1/4) = r1 + r1/4 =: s1 (mod p), exactly.
//
// Every `+` below is exact; the bounds say why. Between blocks: h0, h1 < 2^64 and h2 <= 4.
#pragma once
#include "kernels/partial.hpp"
#include "kernels/poly1305_along.hpp"

MEGASEAL_KERNELS_BEGIN

/// `Along` takes over where a message is long: Poly1305Along over a vector's field.
template <class W, class Along = Poly1305NotAlong>
struct Poly1305 {
  W h0, h1, h2;
  W r0, r1, s1;  // r0, r1 < 2^60; s1 = r1 + r1/4 < 2^61
  [[no_unique_address]] Along along;

  /// The one-time key's first half: 16 bytes of r, to be clamped. The other half, the pad, is finish()'s: words of it
  /// that waited on the stack were seen in the next message's time (tests/ct/README.md, Speculation).
  MEGASEAL_INLINE void init(const u8* one_time_key) {
    h0 = h1 = h2 = W::zero();
    r0 = W::load_lanes(one_time_key, 0) & W::splat(0x0ffffffc0fffffff);
    r1 = W::load_lanes(one_time_key + 8, 0) & W::splat(0x0ffffffc0ffffffc);
    s1 = r1 + r1.template shr<2>();
  }

  /// h = (h + block) · r, partly reduced. `block` is lo + 2^64·hi + 2^128·top with top 0 or 1.
  MEGASEAL_INLINE void block(W lo, W hi, W top) {
    // a = h + block: a2 <= 4 + 1 + 1.
    W a0 = h0, a1 = h1, a2 = h2;
    add3(a0, a1, a2, lo, hi, top);

    // Columns 2^0, 2^64 and 2^128 of the product, upper halves apart; what r1 lifts to 2^128 and above returns by way
    // of s1:
    //   a0·r0 + a1·s1  < 2^124 + 1.25·2^124, its upper half < 2.25·2^60
    //   a0·r1 + a1·r0  < 2·2^124
    //   a2·s1 < 7.5·2^60, a2·r0 < 6·2^60
    // so that carry < 9.75·2^60 fits a word, and d2 < 6·2^60 + 2·2^60 + 1 as well.
    W d0, carry, d1, d1_upper, low, high;
    mul_halves(d0, carry, a0, r0);
    mul_halves(low, high, a1, s1);
    add2(d0, carry, low, high);
    mul_halves(d1, d1_upper, a0, r1);
    mul_halves(low, high, a1, r0);
    add2(d1, d1_upper, low, high);
    carry = carry + a2 * s1;
    W d2 = a2 * r0;
    add2(d1, d2, carry, d1_upper);

    // Bits 130 and up return times 5: 5·(d2 >> 2) < 1.25·2^63.
    const W c = d2.template shr<2>();
    h0 = d0;
    h1 = d1;
    h2 = d2 & W::splat(3);
    add3(h0, h1, h2, c + c.template shl<2>(), W::zero(), W::zero());  // h2 <= 3 + 1
  }

  /// `num` whole blocks of 16 bytes.
  MEGASEAL_INLINE void blocks(const u8* p, u64 num) {
    if constexpr (Along::min_blocks != ~u64(0))
      if (num >= Along::min_blocks) {
        const u64 taken =
            along.blocks(h0.number(), h1.number(), h2.number(), r0.number(), r1.number(), p, num);
        p += 16 * taken, num -= taken;
      }
    for (; num != 0; num--, p += 16) block(W::splat(load_le64(p)), W::splat(load_le64(p + 8)), W::splat(1));
  }

  /// `len` bytes followed by zeros to a whole block (RFC 8439 §2.8): aad and ciphertext.
  MEGASEAL_INLINE void update_padded(const u8* p, u64 len) {
    blocks(p, len / 16);
    if (len % 16 != 0) {
      u64 lo, hi;
      load_partial16(lo, hi, p + (len & ~u64(15)), len % 16);
      block(W::splat(lo), W::splat(hi), W::splat(1));
    }
  }
  /// The end of a plain Poly1305 message (§2.5): `len` bytes, the last block marked by a 1 after its last
  /// byte.
  MEGASEAL_INLINE void update_last(const u8* p, u64 len) {
    blocks(p, len / 16);
    if (size_t n = len % 16; n != 0) {
      u64 lo, hi;
      load_partial16(lo, hi, p + (len & ~u64(15)), n);
      (n >= 8 ? hi : lo) |= u64(1) << (8 * (n % 8));
      block(W::splat(lo), W::splat(hi), W::splat(0));
    }
  }
  /// The AEAD's closing block: both lengths.
  MEGASEAL_INLINE void update_lengths(u64 aad_len, u64 len) {
    block(W::splat(aad_len), W::splat(len), W::splat(1));
  }

  /// The tag (h mod p) + pad mod 2^128, as two little-endian numbers; the pad is 16 bytes.
  MEGASEAL_INLINE void finish(W& tag0, W& tag1, const u8* pad) const {
    // h < 5·2^128 < 2p, so h mod p is h or h - p = h + 5 - 2^130: the latter where h + 5 reaches bit 130.
    W g0 = h0, g1 = h1, g2 = h2;
    add3(g0, g1, g2, W::splat(5), W::zero(),
         W::zero());  // g2 <= 5: bit 130 is bit 2 here, and nothing is above it
    auto reduce = g2.template bit<2>();
    tag0 = select(reduce, h0, g0);
    tag1 = select(reduce, h1, g1);
    W dropped = W::zero();  // the sum is modulo 2^128
    add3(tag0, tag1, dropped, W::load_lanes(pad, 0), W::load_lanes(pad + 8, 0), W::zero());
  }
};

MEGASEAL_KERNELS_END
