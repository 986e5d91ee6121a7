// SHA-256 (FIPS 180-4 §6.2): the compression function over a 32-bit word, one message to a lane, and a byte
// stream over the one-lane word for inputs of any length.
//
// Every addition is modulo 2^32 by definition.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

/// The round constants, as numbers that each word spreads over its lanes.
MEGASEAL_INLINE const u32* sha256_constants() {
  static constexpr u32 k[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  return k;
}

template <class W>
MEGASEAL_INLINE void sha256_init(W (&state)[8]) {
  constexpr u32 iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (int i = 0; i < 8; i++) state[i] = W::splat(iv[i]);
}

/// One round; the caller renames the eight variables. `kw` is round constant + schedule word. maj(a, b, c) is
/// b ^ ((a ^ b) & (b ^ c)), whose b ^ c is the previous round's a ^ b: it travels in `bc`. The big sigmas are
/// nested, (x ^ (x ^ x >>> 14) >>> 5) >>> 6 for >>> 6, 11, 25, because each rotation then works in place
/// (scalar: a sixth less time than three rotated copies with g++ and clang).
template <class W>
MEGASEAL_INLINE void sha256_round(W a, W b, W& d, W e, W f, W g, W& h, W& bc, W kw) {
  W sum1 = (e ^ (e ^ e.template rotr<14>()).template rotr<5>()).template rotr<6>();
  W sum0 = (a ^ (a ^ a.template rotr<9>()).template rotr<11>()).template rotr<2>();
  W choice = choose(e, f, g);
  W ab = a ^ b;
  W majority = b ^ (ab & bc);
  bc = ab;
  W t = wrap_add(wrap_add(h, kw), wrap_add(choice, sum1));
  d = wrap_add(d, t);
  h = wrap_add(t, wrap_add(sum0, majority));
}

/// Schedule word t + 16 in the place of word t, from words t, t + 1, t + 9 and t + 14.
template <class W>
MEGASEAL_INLINE W sha256_next(W w0, W w1, W w9, W w14) {
  W small0 = w1.template rotr<7>() ^ w1.template rotr<18>() ^ w1.template shr<3>();
  W small1 = w14.template rotr<17>() ^ w14.template rotr<19>() ^ w14.template shr<10>();
  return wrap_add(wrap_add(w0, small0), wrap_add(w9, small1));
}

/// state += compression of the 16 words of a block (big-endian words already swapped), in every lane. The
/// block is destroyed: the schedule runs in its place.
template <class W>
MEGASEAL_NOINLINE void sha256_compress(W (&state)[8], W (&w)[16]) {
  const u32* k = sha256_constants();
  W a = state[0], b = state[1], c = state[2], d = state[3];
  W e = state[4], f = state[5], g = state[6], h = state[7];
  W bc = b ^ c;
#define MEGASEAL_ROUND(i, a, b, d, e, f, g, h, kNext)                    \
  sha256_round(a, b, d, e, f, g, h, bc, wrap_add(w[i], W::splat(k[i]))); \
  if constexpr (kNext) w[i] = sha256_next(w[i], w[(i + 1) % 16], w[(i + 9) % 16], w[(i + 14) % 16]);
#define MEGASEAL_ROUNDS16(kNext)                 \
  MEGASEAL_ROUND(0, a, b, d, e, f, g, h, kNext)  \
  MEGASEAL_ROUND(1, h, a, c, d, e, f, g, kNext)  \
  MEGASEAL_ROUND(2, g, h, b, c, d, e, f, kNext)  \
  MEGASEAL_ROUND(3, f, g, a, b, c, d, e, kNext)  \
  MEGASEAL_ROUND(4, e, f, h, a, b, c, d, kNext)  \
  MEGASEAL_ROUND(5, d, e, g, h, a, b, c, kNext)  \
  MEGASEAL_ROUND(6, c, d, f, g, h, a, b, kNext)  \
  MEGASEAL_ROUND(7, b, c, e, f, g, h, a, kNext)  \
  MEGASEAL_ROUND(8, a, b, d, e, f, g, h, kNext)  \
  MEGASEAL_ROUND(9, h, a, c, d, e, f, g, kNext)  \
  MEGASEAL_ROUND(10, g, h, b, c, d, e, f, kNext) \
  MEGASEAL_ROUND(11, f, g, a, b, c, d, e, kNext) \
  MEGASEAL_ROUND(12, e, f, h, a, b, c, d, kNext) \
  MEGASEAL_ROUND(13, d, e, g, h, a, b, c, kNext) \
  MEGASEAL_ROUND(14, c, d, f, g, h, a, b, kNext) \
  MEGASEAL_ROUND(15, b, c, e, f, g, h, a, kNext)
  for (int r = 0; r < 48; r += 16, k += 16) {
    MEGASEAL_ROUNDS16(true)
  }
  MEGASEAL_ROUNDS16(false)
#undef MEGASEAL_ROUNDS16
#undef MEGASEAL_ROUND
  state[0] = wrap_add(state[0], a), state[1] = wrap_add(state[1], b);
  state[2] = wrap_add(state[2], c), state[3] = wrap_add(state[3], d);
  state[4] = wrap_add(state[4], e), state[5] = wrap_add(state[5], f);
  state[6] = wrap_add(state[6], g), state[7] = wrap_add(state[7], h);
}

/// A message of any length in the one-lane word. Its members are secret where the message is.
template <class W>
struct Sha256Stream {
  static_assert(W::lanes == 1);
  W state[8];
  u8 buffer[64];
  u64 total;  // bytes so far; the buffer holds total % 64 of them

  MEGASEAL_INLINE void init() {
    sha256_init(state);
    total = 0;
  }
  /// Goes on after one block that led to `s`: a cached HMAC state.
  MEGASEAL_INLINE void resume(const W (&s)[8]) {
    for (int i = 0; i < 8; i++) state[i] = s[i];
    total = 64;
  }
  /// `num` whole blocks. A local copy of the state: g++ 12's code takes 13 % less time over it than over the
  /// member.
  MEGASEAL_INLINE void compress(const u8* p, u64 num = 1) {
    W s[8], block[16];
    for (int i = 0; i < 8; i++) s[i] = state[i];
    for (; num != 0; num--, p += 64) {
      for (int i = 0; i < 16; i++) block[i] = W::splat(load_be32(p + 4 * i));
      sha256_compress(s, block);
    }
    for (int i = 0; i < 8; i++) state[i] = s[i];
    wipe(s, sizeof s);
    wipe(block, sizeof block);
  }
  MEGASEAL_NOINLINE void update(const u8* p, u64 len) {
    if (len == 0) return;
    if (const u64 used = total % 64; used != 0) {
      const u64 n = len < 64 - used ? len : 64 - used;
      copy_bytes(buffer + used, p, n);
      p += n, len -= n, total += n;
      if (total % 64 != 0) return;
      compress(buffer);
    }
    total += len;
    compress(p, len / 64);
    if (len % 64 != 0) copy_bytes(buffer, p + (len & ~u64(63)), len % 64);
  }
  /// Padding (§5.1.1) and the digest as words, in `state`.
  MEGASEAL_NOINLINE void finish() {
    const u64 bits = total * 8;
    u64 used = total % 64;
    buffer[used++] = 0x80;
    if (used > 56) {
      __builtin_memset(buffer + used, 0, 64 - used);
      compress(buffer);
      used = 0;
    }
    __builtin_memset(buffer + used, 0, 56 - used);
    store_be32(buffer + 56, u32(bits >> 32));
    store_be32(buffer + 60, u32(bits));
    compress(buffer);
  }
  /// The words of `state` as bytes.
  MEGASEAL_INLINE void digest(u8* out) const {
    for (int i = 0; i < 8; i++) {
      u32 x;
      state[i].store(&x);
      store_be32(out + 4 * i, x);
    }
  }
};

MEGASEAL_KERNELS_END
