// SHA-256 (FIPS 180-4 §6.2): the compression function over a 32-bit word, one message to a lane, and messages of any
// length, a message to a lane.
//
// What hashes on top of it (HMAC, HKDF, HPKE's key schedule) is a template over a Hash: so many messages side by side,
// and how their states and blocks are held. Sha256Lanes is the Hash made of a word. A backend whose processor has
// instructions for SHA-256 brings a Hash of its own, in the layout that those want.
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

MEGASEAL_INLINE const u32* sha256_initial() {
  static constexpr u32 iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  return iv;
}

/// `n` words from one place to another, each as a whole. As a plain copy g++ 12 moves 16 bytes at a time, whatever the
/// word: who loads a wider word soon after waits for all of its parts, and so does the copy itself after narrower ones.
template <class W>
MEGASEAL_INLINE void copy_words(W* out, const W* in, int n) {
  for (int i = 0; i < n; i++) {
    if constexpr (W::lanes == 1) {
      u32 x;
      in[i].store(&x);
      x = value_barrier(x);
      out[i] = W::load(&x);
    } else {
      out[i] = W::load_bytes(reinterpret_cast<const u8*>(&in[i]));
    }
  }
}

/// Keeps the compiler to the order written. Left alone g++ 12 begins with every rotation of a round and has no registers
/// left for the state: half as much time again in 8 lanes of AVX2, a tenth in 16 of AVX-512, and clang 14 a few percent.
template <class W>
MEGASEAL_INLINE void sha256_in_order(W& x) {
  if constexpr (requires { pin(x); }) pin(x);
}

/// x >>> A ^ x >>> B ^ x >>> C, and x >>> A ^ x >>> B ^ x >> C (§4.1.2).
template <int A, int B, int C, class W>
MEGASEAL_INLINE W sha256_big_sigma(W x) {
  if constexpr (requires { xor3(x, x, x); }) {
    return xor3(x.template rotr<A>(), x.template rotr<B>(), x.template rotr<C>());
  } else {
    W sum = x.template rotr<A>();
    sha256_in_order(sum);
    sum = sum ^ x.template rotr<B>();
    sha256_in_order(sum);
    return sum ^ x.template rotr<C>();
  }
}
template <int A, int B, int C, class W>
MEGASEAL_INLINE W sha256_small_sigma(W x) {
  if constexpr (requires { xor3(x, x, x); }) {
    return xor3(x.template rotr<A>(), x.template rotr<B>(), x.template shr<C>());
  } else {
    W sum = x.template rotr<A>();
    sha256_in_order(sum);
    sum = sum ^ x.template rotr<B>();
    sha256_in_order(sum);
    return sum ^ x.template shr<C>();
  }
}

/// One round; the caller renames the eight variables. `kw` is round constant + schedule word. Where the word has no
/// majority of its own: maj(a, b, c) is b ^ ((a ^ b) & (b ^ c)), whose b ^ c is the previous round's a ^ b: it travels
/// in `bc`.
template <class W>
MEGASEAL_INLINE void sha256_round(W a, W b, W c, W& d, W e, W f, W g, W& h, W& bc, W kw) {
  W t = wrap_add(h, kw);
  sha256_in_order(t);
  t = wrap_add(t, choose(e, f, g));
  sha256_in_order(t);
  t = wrap_add(t, sha256_big_sigma<6, 11, 25>(e));
  d = wrap_add(d, t);
  sha256_in_order(d);
  if constexpr (requires { majority(a, b, c); }) {
    t = wrap_add(t, majority(a, b, c));
  } else {
    const W ab = a ^ b;
    t = wrap_add(t, b ^ (ab & bc));
    bc = ab;
  }
  sha256_in_order(t);
  h = wrap_add(t, sha256_big_sigma<2, 13, 22>(a));
  sha256_in_order(h);
}

/// Schedule word t + 16 in the place of word t, from words t, t + 1, t + 9 and t + 14.
template <class W>
MEGASEAL_INLINE W sha256_next(W w0, W w1, W w9, W w14) {
  W next = wrap_add(w0, w9);
  sha256_in_order(next);
  next = wrap_add(next, sha256_small_sigma<7, 18, 3>(w1));
  sha256_in_order(next);
  next = wrap_add(next, sha256_small_sigma<17, 19, 10>(w14));
  sha256_in_order(next);
  return next;
}

/// Sixteen rounds; `kw(i)` gives round constant + schedule word of the i-th.
template <class W, class Kw>
MEGASEAL_INLINE void sha256_rounds16(W (&v)[8], W& bc, const Kw& kw) {
  W a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7];
  sha256_round(a, b, c, d, e, f, g, h, bc, kw(0));
  sha256_round(h, a, b, c, d, e, f, g, bc, kw(1));
  sha256_round(g, h, a, b, c, d, e, f, bc, kw(2));
  sha256_round(f, g, h, a, b, c, d, e, bc, kw(3));
  sha256_round(e, f, g, h, a, b, c, d, bc, kw(4));
  sha256_round(d, e, f, g, h, a, b, c, bc, kw(5));
  sha256_round(c, d, e, f, g, h, a, b, bc, kw(6));
  sha256_round(b, c, d, e, f, g, h, a, bc, kw(7));
  sha256_round(a, b, c, d, e, f, g, h, bc, kw(8));
  sha256_round(h, a, b, c, d, e, f, g, bc, kw(9));
  sha256_round(g, h, a, b, c, d, e, f, bc, kw(10));
  sha256_round(f, g, h, a, b, c, d, e, bc, kw(11));
  sha256_round(e, f, g, h, a, b, c, d, bc, kw(12));
  sha256_round(d, e, f, g, h, a, b, c, bc, kw(13));
  sha256_round(c, d, e, f, g, h, a, b, bc, kw(14));
  sha256_round(b, c, d, e, f, g, h, a, bc, kw(15));
  v[0] = a, v[1] = b, v[2] = c, v[3] = d, v[4] = e, v[5] = f, v[6] = g, v[7] = h;
}

/// state += compression of the 16 words of a block (big-endian words already swapped), in every lane.
template <class W>
MEGASEAL_NOINLINE void sha256_compress(W (&state)[8], const W (&block)[16]) {
  const u32* k = sha256_constants();
  W v[8], w[16];
  copy_words(v, state, 8);
  copy_words(w, block, 16);
  W bc = v[1] ^ v[2];
  for (int r = 0; r < 48; r += 16, k += 16)
    sha256_rounds16(
        v, bc, [&](int i) __attribute__((always_inline)) {
          const W kw = wrap_add(w[i], W::splat(k[i]));
          w[i] = sha256_next(w[i], w[(i + 1) % 16], w[(i + 9) % 16], w[(i + 14) % 16]);
          return kw;
        });
  sha256_rounds16(
      v, bc, [&](int i) __attribute__((always_inline)) { return wrap_add(w[i], W::splat(k[i])); });
  for (int i = 0; i < 8; i++) state[i] = wrap_add(state[i], v[i]);
}

/// The schedule of one block, round constants added: what every lane's rounds take when their blocks are the same.
struct Sha256Schedule {
  u32 kw[64];
};
template <class W>
MEGASEAL_NOINLINE void sha256_schedule(Sha256Schedule& out, const u32* words) {
  static_assert(W::lanes == 1);
  const u32* k = sha256_constants();
  u32 w[64];
  for (int i = 0; i < 16; i++) w[i] = words[i];
  for (int i = 16; i < 64; i++)
    sha256_next(W::splat(w[i - 16]), W::splat(w[i - 15]), W::splat(w[i - 7]), W::splat(w[i - 2]))
        .store(&w[i]);
  for (int i = 0; i < 64; i++) wrap_add(W::load(&w[i]), W::splat(k[i])).store(&out.kw[i]);
  wipe(w, sizeof w);
}
/// state += compression of that block, in every lane.
template <class W>
MEGASEAL_NOINLINE void sha256_compress_common(W (&state)[8], const Sha256Schedule& schedule) {
  W v[8];
  copy_words(v, state, 8);
  W bc = v[1] ^ v[2];
  for (const u32* kw = schedule.kw; kw != schedule.kw + 64; kw += 16)
    sha256_rounds16(
        v, bc, [kw](int i) __attribute__((always_inline)) { return W::splat(kw[i]); });
  for (int i = 0; i < 8; i++) state[i] = wrap_add(state[i], v[i]);
}

/// The Hash made of a word W: a message to a lane. `One` is a one-lane word, for what is the same in every lane.
template <class W, class One>
struct Sha256Lanes {
  static constexpr int lanes = W::lanes;
  struct State {
    W w[8];
  };
  struct Block {
    W w[16];
  };
  /// A block that is the same in every lane, prepared once for many groups of lanes.
  using Common = Sha256Schedule;

  /// The same state in every lane.
  static MEGASEAL_INLINE void set(State& s, const u32* words) {
    for (int i = 0; i < 8; i++) s.w[i] = W::splat(words[i]);
  }
  /// The same block in every lane.
  static MEGASEAL_INLINE void splat(Block& out, const u32* words) {
    for (int i = 0; i < 16; i++) out.w[i] = W::splat(words[i]);
  }
  static MEGASEAL_INLINE void prepare(Common& out, const u32* words) { sha256_schedule<One>(out, words); }
  static MEGASEAL_INLINE void copy(State& out, const State& in) { copy_words(out.w, in.w, 8); }
  /// From 64 bytes to a lane, `stride` bytes apart.
  static MEGASEAL_INLINE void load(Block& out, const u8* bytes, size_t stride) {
    constexpr int rows = W::lanes < 16 ? W::lanes : 16;
    for (int first = 0; first < 16; first += rows) {
      for (int l = 0; l < rows; l++) out.w[first + l] = W::load_bytes(bytes + size_t(l) * stride + 4 * first);
      transpose(out.w + first);
    }
    for (int i = 0; i < 16; i++) out.w[i] = swap_bytes(out.w[i]);
  }
  /// A digest, then eight words that are the same in every lane.
  static MEGASEAL_INLINE void join(Block& out, const State& digest, const u32* words) {
    copy_words(out.w, digest.w, 8);
    for (int i = 0; i < 8; i++) out.w[8 + i] = W::splat(words[i]);
  }
  /// Every word xor `x`.
  static MEGASEAL_INLINE void flip(Block& block, u32 x) {
    for (int i = 0; i < 16; i++) block.w[i] = block.w[i] ^ W::splat(x);
  }
  static MEGASEAL_INLINE void compress(State& s, const Block& block) { sha256_compress(s.w, block.w); }
  static MEGASEAL_INLINE void compress(State& s, const Common& block) { sha256_compress_common(s.w, block); }
  /// Back to `before` in the lanes whose live[l] is 0; in the others it is ~0.
  static MEGASEAL_INLINE void keep_live(State& s, const State& before, const u32* live) {
    const W mask = W::load(live);
    for (int i = 0; i < 8; i++) s.w[i] = choose(mask, s.w[i], before.w[i]);
  }
  /// The first `len` <= 32 bytes (whole words) of the first `num` lanes' digests, `stride` bytes apart.
  static MEGASEAL_INLINE void store(u8* out, size_t stride, u32 num, u32 len, const State& s) {
    constexpr u32 rows = u32(W::lanes);
    u8 row[4 * rows];
    for (u32 first = 0; 4 * first < len; first += rows) {
      W t[rows];
      for (u32 i = 0; i < rows; i++) t[i] = first + i < 8 ? swap_bytes(s.w[(first + i) % 8]) : W::splat(0);
      transpose(t);
      // Whole words: one row of one lane, or as much of a wider one as there is.
      const u32 n = rows == 1 ? 4 : len - 4 * first < 4 * rows ? len - 4 * first : 4 * rows;
      for (u32 l = 0; l < rows; l++) {
        if (l == num) break;
        t[l].store_bytes(row);
        copy_bytes(out + l * stride + 4 * first, row, n);
      }
      wipe(t, sizeof t);
    }
    wipe(row, sizeof row);
  }
};

/// The same Hash, but preparing a block costs nothing and saves nothing: for a single message.
template <class Hash>
struct Sha256Unprepared : Hash {
  using typename Hash::Block;
  using typename Hash::State;
  struct Common {
    u32 words[16];
  };
  static MEGASEAL_INLINE void prepare(Common& out, const u32* words) {
    copy_bytes(out.words, words, sizeof out);
  }
  static MEGASEAL_INLINE void compress(State& s, const Block& block) { Hash::compress(s, block); }
  static MEGASEAL_INLINE void compress(State& s, const Common& common) {
    Block block;
    Hash::splat(block, common.words);
    Hash::compress(s, block);
    wipe(&block, sizeof block);
  }
};

// ---- Messages of any length ----

/// A message in pieces, one after the other.
struct Sha256Message {
  struct Piece {
    const u8* p;
    u64 len;
  } pieces[3];

  MEGASEAL_INLINE u64 len() const { return pieces[0].len + pieces[1].len + pieces[2].len; }
  /// Padding (§5.1.1) included: a 1 bit and the length take nine bytes.
  MEGASEAL_INLINE u64 num_blocks() const { return (len() + 9 + 63) / 64; }
  /// Block `b` of the padded message, after `before` bytes that were hashed already.
  MEGASEAL_NOINLINE void block(u8* out, u64 b, u64 before) const {
    const u64 begin = 64 * b;
    __builtin_memset(out, 0, 64);
    u64 at = 0;  // of the piece in the message
    for (const Piece& piece : pieces) {
      const u64 end = at + piece.len;
      const u64 from = at < begin ? begin : at, to = end < begin + 64 ? end : begin + 64;
      if (from < to) copy_bytes(out + (from - begin), piece.p + (from - at), to - from);
      at = end;
    }
    if (at >= begin && at < begin + 64) out[at - begin] = 0x80;
    if (b + 1 == num_blocks()) {
      const u64 bits = 8 * (before + at);
      store_be32(out + 56, u32(bits >> 32));
      store_be32(out + 60, u32(bits));
    }
  }
};

/// Hashes a message to a lane, of different lengths, from the states `s` that followed `before` bytes. A lane that has
/// come to its end waits for the longest; lanes beyond `num` keep their state.
template <class Hash>
MEGASEAL_NOINLINE void sha256_messages(typename Hash::State& s, const Sha256Message* messages, u32 num,
                                       u64 before) {
  struct {
    u8 bytes[Hash::lanes][64];
    typename Hash::Block block;
    typename Hash::State kept;
  } work;
  u32 live[Hash::lanes];
  u64 num_blocks = 0;
  for (u32 l = 0; l < num; l++)
    if (const u64 n = messages[l].num_blocks(); n > num_blocks) num_blocks = n;
  __builtin_memset(&work, 0, sizeof work);
  for (u64 b = 0; b < num_blocks; b++) {
    for (u32 l = 0; l < u32(Hash::lanes); l++) {
      live[l] = l < num && b < messages[l].num_blocks() ? ~u32(0) : 0;
      if (live[l]) messages[l].block(work.bytes[l], b, before);
    }
    Hash::load(work.block, work.bytes[0], 64);
    Hash::copy(work.kept, s);
    Hash::compress(s, work.block);
    Hash::keep_live(s, work.kept, live);
  }
  wipe(&work, sizeof work);
}

MEGASEAL_KERNELS_END
