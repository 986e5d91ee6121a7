// ChaCha20 (RFC 8439 §2.3) and HChaCha20 (draft-irtf-cfrg-xchacha §2.2), over a word of any number of lanes.
//
// Three shapes of the same rounds:
//   lanes: word i of the state in a word of L lanes, a block to a lane. What the bulk of a message runs on.
//   rows:  the state's four rows as four words of four lanes, K blocks side by side. A few blocks cost hardly more time
//          than one, because the chain of dependent operations is what takes the time: for short messages.
//   alone: lanes of a single one, in general registers. For one block: a step of the chain takes one cycle there, and two
//          in the vector units of some processors.
// Set-up, rounds and output are apart, so that lanes may be filled from anywhere: here by consecutive blocks
// of one message. Every addition is modulo 2^32 by definition.
#pragma once
#include "kernels/base.hpp"
#include "kernels/table.hpp"

MEGASEAL_KERNELS_BEGIN

/// The initial state as 16 numbers: constants, key, counter (word 12), nonce. Secret: wipe it.
struct ChaCha20State {
  alignas(16) u32 w[16];
};

/// "expand 32-byte k"
MEGASEAL_INLINE u32 chacha20_constant(int i) {
  return i == 0 ? 0x61707865 : i == 1 ? 0x3320646e : i == 2 ? 0x79622d32 : 0x6b206574;
}

/// Constants and key; the four words below them are the caller's.
MEGASEAL_INLINE void chacha20_set_key(ChaCha20State& out, const u8* key) {
  for (int i = 0; i < 4; i++) out.w[i] = chacha20_constant(i);
  for (int i = 0; i < 8; i++) out.w[4 + i] = load_le32(key + 4 * i);
}
/// RFC 8439: a 32-bit counter, set to 0 here, and 12 bytes of nonce.
MEGASEAL_INLINE void chacha20_set_nonce12(ChaCha20State& out, const u8* nonce) {
  out.w[12] = 0;
  for (int i = 0; i < 3; i++) out.w[13 + i] = load_le32(nonce + 4 * i);
}
/// The original layout: a 64-bit counter and 8 bytes of nonce. Messages end before 2^32 blocks, so that the
/// counter's upper half stays 0 and the rest of the code counts in word 12 alone.
MEGASEAL_INLINE void chacha20_set_nonce8(ChaCha20State& out, const u8* nonce) {
  out.w[12] = out.w[13] = 0;
  for (int i = 0; i < 2; i++) out.w[14 + i] = load_le32(nonce + 4 * i);
}

// ---- Lanes: a block to a lane ----

/// One step of a quarter round in two columns (or diagonals): a += b; d = (d ^ a) <<< N.
template <int N, class W>
MEGASEAL_INLINE void chacha20_step(W& a0, W& a1, W b0, W b1, W& d0, W& d1) {
  a0 = wrap_add(a0, b0), a1 = wrap_add(a1, b1);
  d0 = (d0 ^ a0).template rotl<N>(), d1 = (d1 ^ a1).template rotl<N>();
}

/// Two quarter rounds (§2.1) side by side. Two, not four: sixteen words fill sixteen registers, four
/// temporaries more make the compiler spill (g++: 14 % more time), and the processor overlaps the next two by
/// itself.
template <class W>
MEGASEAL_INLINE void chacha20_quarter2(W& a0, W& a1, W& b0, W& b1, W& c0, W& c1, W& d0, W& d1) {
  chacha20_step<16>(a0, a1, b0, b1, d0, d1);
  chacha20_step<12>(c0, c1, d0, d1, b0, b1);
  chacha20_step<8>(a0, a1, b0, b1, d0, d1);
  chacha20_step<7>(c0, c1, d0, d1, b0, b1);
}

/// All four quarter rounds side by side, for words with registers to spare: half the steps in a row.
template <class W>
MEGASEAL_INLINE void chacha20_quarter4(W& a0, W& a1, W& a2, W& a3, W& b0, W& b1, W& b2, W& b3, W& c0, W& c1,
                                       W& c2, W& c3, W& d0, W& d1, W& d2, W& d3) {
  chacha20_step<16>(a0, a1, b0, b1, d0, d1), chacha20_step<16>(a2, a3, b2, b3, d2, d3);
  chacha20_step<12>(c0, c1, d0, d1, b0, b1), chacha20_step<12>(c2, c3, d2, d3, b2, b3);
  chacha20_step<8>(a0, a1, b0, b1, d0, d1), chacha20_step<8>(a2, a3, b2, b3, d2, d3);
  chacha20_step<7>(c0, c1, d0, d1, b0, b1), chacha20_step<7>(c2, c3, d2, d3, b2, b3);
}

/// Other work for a scalar unit that idles while the vector ports are busy: turn<0>() and turn<1>() come once each in two
/// rounds. Work has to stand there in the program to be done there, because a processor looks only some hundred
/// instructions ahead. Packed groups (chacha20_packed.hpp) also call emitted(n) when the output of n groups is there. This
/// one is none.
struct NoSide {
  template <int kTurn>
  MEGASEAL_INLINE void turn() {}
  MEGASEAL_INLINE void emitted(u32) {}
};

/// The 20 rounds, without the addition of the initial state. The state is copied into named variables because
/// g++ keeps an array in memory that anyone indexes at run time. A word may bring rounds of its own under this name.
template <class W, class Side>
MEGASEAL_INLINE void chacha20_rounds(W (&x)[16], Side& side) {
  W a0 = x[0], a1 = x[1], a2 = x[2], a3 = x[3], b0 = x[4], b1 = x[5], b2 = x[6], b3 = x[7];
  W c0 = x[8], c1 = x[9], c2 = x[10], c3 = x[11], d0 = x[12], d1 = x[13], d2 = x[14], d3 = x[15];
  for (int i = 0; i < 10; i++) {
    chacha20_quarter2(a0, a1, b0, b1, c0, c1, d0, d1);  // columns
    chacha20_quarter2(a2, a3, b2, b3, c2, c3, d2, d3);
    side.template turn<0>();
    chacha20_quarter2(a0, a1, b1, b2, c2, c3, d3, d0);  // diagonals
    chacha20_quarter2(a2, a3, b3, b0, c0, c1, d1, d2);
    side.template turn<1>();
  }
  x[0] = a0, x[1] = a1, x[2] = a2, x[3] = a3, x[4] = b0, x[5] = b1, x[6] = b2, x[7] = b3;
  x[8] = c0, x[9] = c1, x[10] = c2, x[11] = c3, x[12] = d0, x[13] = d1, x[14] = d2, x[15] = d3;
}
template <class W>
MEGASEAL_INLINE void chacha20_rounds(W (&x)[16]) {
  NoSide none;
  chacha20_rounds(x, none);
}

/// Lane set-up: consecutive blocks of one message, lane l being block counter + l (modulo 2^32).
template <class W>
MEGASEAL_INLINE void chacha20_lanes_of_one(W (&x)[16], const ChaCha20State& state, u32 counter) {
  for (int i = 0; i < 16; i++) x[i] = W::splat(state.w[i]);
  x[12] = wrap_add(W::splat(counter), W::lane_numbers());
}

/// Output: turns words-by-lane into pieces of 4·L bytes in message order, piece q of block j in x[L·q + j].
template <class W>
MEGASEAL_INLINE void chacha20_to_bytes(W (&x)[16]) {
  for (int i = 0; i < 16; i += W::lanes) transpose(x + i);
}

/// The block function in every lane, for `num` groups of L whole blocks from block `counter` on. With kXor
/// `out` is `in` xor key stream, and may equal `in`; otherwise it is the key stream itself.
template <class W, bool kXor>
MEGASEAL_NOINLINE void chacha20_groups(u8* out, const ChaCha20State& state, u32 counter, const u8* in,
                                       u64 num) {
  constexpr int L = W::lanes;
  for (; num != 0; num--, counter += L, out += 64 * L) {
    W x[16];
    chacha20_lanes_of_one(x, state, counter);
    chacha20_rounds(x);
    // The initial state is read again instead of being kept: sixteen registers hold the rounds and nothing
    // else (clang: 14 % more time with a copy).
    for (int i = 0; i < 16; i++)
      x[i] = wrap_add(x[i], i == 12 ? wrap_add(W::splat(counter), W::lane_numbers()) : W::splat(state.w[i]));
    chacha20_to_bytes(x);
    for (int j = 0; j < L; j++)
      for (int q = 0; q < 16 / L; q++) {
        const int at = 64 * j + 4 * L * q;
        if constexpr (kXor)
          (x[L * q + j] ^ W::load_bytes(in + at)).store_bytes(out + at);
        else
          x[L * q + j].store_bytes(out + at);
      }
    if constexpr (kXor) in += 64 * L;
  }
}

// ---- Alone: a block in general registers; O is a word of one lane ----

/// Key stream of block `counter`, 64 bytes.
template <class O>
MEGASEAL_NOINLINE void chacha20_block_alone(u8* out, const ChaCha20State& state, u32 counter) {
  static_assert(O::lanes == 1);
  O x[16];
  chacha20_lanes_of_one(x, state, counter);
  const SetAside<u8> to(out);
  const SetAside<const ChaCha20State> from(&state);
  chacha20_rounds(x);
  out = to.take_back();
  const u32* w = from.take_back()->w;
  for (int i = 0; i < 16; i++) wrap_add(x[i], O::splat(i == 12 ? counter : w[i])).store_bytes(out + 4 * i);
}

/// HChaCha20 of one message: the rounds over constants, key and 16 bytes of nonce; the first and last row are the subkey,
/// with nothing added back. `out` may equal the key.
template <class O>
MEGASEAL_NOINLINE void hchacha20_alone(u8* out, const u8* key, const u8* nonce) {
  static_assert(O::lanes == 1);
  O x[16];
  for (int i = 0; i < 4; i++) x[i] = O::splat(chacha20_constant(i));
  for (int i = 0; i < 8; i++) x[4 + i] = O::load_bytes(key + 4 * i);
  for (int i = 0; i < 4; i++) x[12 + i] = O::load_bytes(nonce + 4 * i);
  chacha20_rounds(x);
  for (int i = 0; i < 4; i++) x[i].store_bytes(out + 4 * i), x[12 + i].store_bytes(out + 16 + 4 * i);
}

/// The messages from `first` on, one after the other.
template <class O>
MEGASEAL_INLINE void hchacha20_each(const HChaCha20Tile& tile, u32 first) {
  for (u32 i = first; i < tile.num; i++)
    hchacha20_alone<O>(tile.out + 32 * size_t(i), tile.keys.base + i * tile.keys.stride,
                       tile.nonces.base + i * tile.nonces.stride);
}

// ---- Rows: four words of four lanes hold a block; a wider word holds R::blocks of them, four lanes each ----

template <class R>
struct ChaCha20Rows {
  static_assert(R::lanes == 4);
  R a, b, c, d;
};

/// A round of every block at once (columns, if the rows stand as the state has them). The folds put the same
/// step of all blocks side by side, so that one block's latency is filled by the others' work.
template <class... Rows>
MEGASEAL_INLINE void chacha20_rows_round(Rows&... x) {
  ((x.a = wrap_add(x.a, x.b), x.d = (x.d ^ x.a).template rotl<16>()), ...);
  ((x.c = wrap_add(x.c, x.d), x.b = (x.b ^ x.c).template rotl<12>()), ...);
  ((x.a = wrap_add(x.a, x.b), x.d = (x.d ^ x.a).template rotl<8>()), ...);
  ((x.c = wrap_add(x.c, x.d), x.b = (x.b ^ x.c).template rotl<7>()), ...);
}

/// The 20 rounds of blocks x, K from 1 to 4. Between rounds three rows are turned by 1, 2 and 3 lanes, which
/// makes diagonals columns, and back. Row b is the last that a round writes and the first that the next one
/// reads, so it is rows a, c and d that turn, off the critical path.
template <class... Rows>
MEGASEAL_INLINE void chacha20_rows_rounds_of(Rows&... x) {
  for (int i = 0; i < 10; i++) {
    chacha20_rows_round(x...);
    ((x.c = x.c.template rotate_lanes<1>(), x.d = x.d.template rotate_lanes<2>(),
      x.a = x.a.template rotate_lanes<3>()),
     ...);
    chacha20_rows_round(x...);
    ((x.c = x.c.template rotate_lanes<3>(), x.d = x.d.template rotate_lanes<2>(),
      x.a = x.a.template rotate_lanes<1>()),
     ...);
  }
}
template <class R, int K>
MEGASEAL_INLINE void chacha20_rows_rounds(ChaCha20Rows<R> (&x)[K]) {
  static_assert(1 <= K && K <= 4);
  if constexpr (K == 1) chacha20_rows_rounds_of(x[0]);
  if constexpr (K == 2) chacha20_rows_rounds_of(x[0], x[1]);
  if constexpr (K == 3) chacha20_rows_rounds_of(x[0], x[1], x[2]);
  if constexpr (K == 4) chacha20_rows_rounds_of(x[0], x[1], x[2], x[3]);
}

/// Key stream of K·R::blocks blocks from block `counter` on, 64 bytes each.
template <class R, int K>
MEGASEAL_NOINLINE void chacha20_rows_blocks(u8* out, const ChaCha20State& state, u32 counter) {
  const R a = R::load(state.w), b = R::load(state.w + 4), c = R::load(state.w + 8);
  R d[K];
  ChaCha20Rows<R> x[K];
  for (int k = 0; k < K; k++) {
    const u32 last[4] = {counter + u32(k * R::blocks), state.w[13], state.w[14], state.w[15]};
    d[k] = wrap_add(R::load(last), R::block_numbers());
    x[k] = {a, b, c, d[k]};
  }
  chacha20_rows_rounds(x);
  for (int k = 0; k < K; k++)
    R::store_blocks(out + 64 * R::blocks * k, wrap_add(x[k].a, a), wrap_add(x[k].b, b), wrap_add(x[k].c, c),
                    wrap_add(x[k].d, d[k]));
}

/// HChaCha20 of K messages side by side, `first` the number of the first. `out` may equal the keys: they are all read before
/// the first subkey is written.
template <class R, int K>
MEGASEAL_NOINLINE void hchacha20_rows(u8* out, const Strided& keys, const Strided& nonces, u32 first) {
  const u32 constants[4] = {chacha20_constant(0), chacha20_constant(1), chacha20_constant(2),
                            chacha20_constant(3)};
  ChaCha20Rows<R> x[K];
  for (int k = 0; k < K; k++) {
    const u8* key = keys.base + (first + k) * keys.stride;
    const u8* nonce = nonces.base + (first + k) * nonces.stride;
    x[k] = {R::load(constants), R::load_bytes(key), R::load_bytes(key + 16), R::load_bytes(nonce)};
  }
  chacha20_rows_rounds(x);
  for (int k = 0; k < K; k++) {
    x[k].a.store_bytes(out + 32 * size_t(first + k));
    x[k].d.store_bytes(out + 32 * size_t(first + k) + 16);
  }
}

MEGASEAL_KERNELS_END
