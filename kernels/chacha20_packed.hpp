// ChaCha20 (RFC 8439 §2.4) over work items: blocks of many messages, one to a lane, each with its own key, counter and
// nonce. An item's key stream is xored into its message at once.
//
// A lane costs the same whether it is needed or not, so what fills the lanes decides the speed for short messages:
// here any sixteen (eight) blocks do, the one-time-key blocks of Poly1305 among them.
#pragma once
#include "kernels/chacha20.hpp"
#include "kernels/partial.hpp"

MEGASEAL_KERNELS_BEGIN

/// Counter and nonce of an item: words 12 to 15 of the state.
typedef u32 ChaCha20Row __attribute__((vector_size(16)));

/// The items of one group.
template <class W>
struct ChaCha20Group {
  static constexpr u32 L = W::lanes;
  alignas(64) u32 rows[4 * L];
  const u8* key[L];  // 32 bytes
  const u8* in[L];   // 64 bytes
  u8* out[L];        // equals `in` or does not overlap it

  /// A whole row is stored at once: a wider load right after narrower stores would stall.
  MEGASEAL_INLINE void put(u32 i, const ChaCha20Row& row, const u8* k, const u8* from, u8* to) {
    copy_bytes(rows + 4 * i, &row, 16);
    key[i] = k, in[i] = from, out[i] = to;
  }
};

/// A number as a type, for what is chosen while compiling.
template <int kValue>
struct Constant {
  static constexpr int value = kValue;
};

/// Words across lanes, in memory.
template <class W>
struct ChaCha20Words {
  alignas(64) u32 w[16][W::lanes];
};

/// Set-up: keys, counters and nonces of L items, each lane as W::item_of_lane has it.
template <class W>
MEGASEAL_INLINE void chacha20_lanes_of_items(ChaCha20Words<W>& out, const ChaCha20Group<W>& items) {
  W key[8], row[4];
  W::load_keys(key, items.key);
  W::load_rows(row, items.rows);
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) key[i].store(out.w[4 + i]);
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) row[i].store(out.w[12 + i]);
}

/// The block function, from memory to memory. Apart from everything else, so that the rounds have the registers to
/// themselves: inlined among set-up and output, g++ 12 spills inside the loop.
template <class W>
MEGASEAL_NOINLINE void chacha20_block_lanes(ChaCha20Words<W>& out, const ChaCha20Words<W>& in) {
  W x[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) x[i] = i < 4 ? W::splat(chacha20_constant(i)) : W::load(in.w[i]);
  chacha20_rounds(x);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    wrap_add(x[i], i < 4 ? W::splat(chacha20_constant(i)) : W::load(in.w[i])).store(out.w[i]);
}

/// Key stream of all lanes: block of lane l at pad + 64·l.
template <class W>
MEGASEAL_INLINE void chacha20_emit(u8* pad, const ChaCha20Words<W>& words) {
  constexpr int L = W::lanes;
  W x[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) x[i] = W::load(words.w[i]);
  chacha20_to_bytes(x);
#pragma GCC unroll 16
  for (int j = 0; j < L; j++)
#pragma GCC unroll 2
    for (int q = 0; q < 16 / L; q++) x[L * q + j].store_bytes(pad + 64 * j + 4 * L * q);
}
/// out = in xor key stream in every lane.
template <class W>
MEGASEAL_INLINE void chacha20_emit_xor(const ChaCha20Group<W>& items, const ChaCha20Words<W>& words) {
  constexpr int L = W::lanes;
  W x[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) x[i] = W::load(words.w[i]);
  chacha20_to_bytes(x);
#pragma GCC unroll 16
  for (int j = 0; j < L; j++) {
    const int item = W::item_of_lane(j);
#pragma GCC unroll 2
    for (int q = 0; q < 16 / L; q++) {
      const int at = 4 * L * q;
      (x[L * q + j] ^ W::load_bytes(items.in[item] + at)).store_bytes(items.out[item] + at);
    }
  }
}

// ---- Output and set-up in slices, from memory to memory, to be woven into the rounds of another group ----

/// The second half for four blocks, and their output.
template <int kSlice, class W>
MEGASEAL_INLINE void chacha20_emit_slice(const ChaCha20Group<W>& items, const ChaCha20Words<W>& words) {
  static_assert(W::lanes == 16);
  W x[16];
#pragma GCC unroll 4
  for (int i = kSlice; i < 16; i += 4) x[i] = W::load(words.w[i]);
  transpose_second<kSlice>(x);
#pragma GCC unroll 4
  for (int j = kSlice; j < 16; j += 4) {
    const int item = W::item_of_lane(j);
    (x[j] ^ W::load_bytes(items.in[item])).store_bytes(items.out[item]);
  }
}

/// The rounds with other work between them: side(i) comes after round i = 0 … 19. A processor looks only some 100
/// instructions ahead; work that is to fill the rounds' gaps has to stand among them.
template <class W, class Side>
MEGASEAL_INLINE void chacha20_rounds_with(W (&x)[16], const Side& side) {
  W a0 = x[0], a1 = x[1], a2 = x[2], a3 = x[3], b0 = x[4], b1 = x[5], b2 = x[6], b3 = x[7];
  W c0 = x[8], c1 = x[9], c2 = x[10], c3 = x[11], d0 = x[12], d1 = x[13], d2 = x[14], d3 = x[15];
  const auto two_rounds = [&](auto round) __attribute__((always_inline)) {
    chacha20_quarter4(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3);
    side(round);
    chacha20_quarter4(a0, a1, a2, a3, b1, b2, b3, b0, c2, c3, c0, c1, d3, d0, d1, d2);
    side(Constant<decltype(round)::value + 1>());
  };
  two_rounds(Constant<0>()), two_rounds(Constant<2>()), two_rounds(Constant<4>()), two_rounds(Constant<6>());
  two_rounds(Constant<8>()), two_rounds(Constant<10>()), two_rounds(Constant<12>()),
      two_rounds(Constant<14>());
  two_rounds(Constant<16>()), two_rounds(Constant<18>());
  x[0] = a0, x[1] = a1, x[2] = a2, x[3] = a3, x[4] = b0, x[5] = b1, x[6] = b2, x[7] = b3;
  x[8] = c0, x[9] = c1, x[10] = c2, x[11] = c3, x[12] = d0, x[13] = d1, x[14] = d2, x[15] = d3;
}

/// The next `num` >= 1 groups of L items that `source` gives: source.next(group, i) puts item i.
///
/// Words with registers to spare (32 of them: 16 for the rounds, 16 for the rest) run a group's rounds together with
/// the output of the group before and the set-up of the one behind. The items themselves are found in between, too: the
/// rounds keep the vector ports busy and leave the others idle.
template <class W, class Source>
MEGASEAL_INLINE void chacha20_packed_groups(Source& source, u32 num) {
  constexpr u32 L = W::lanes;
  if constexpr (W::registers < 32) {
    ChaCha20Group<W> group;
    ChaCha20Words<W> in, out;
    for (; num != 0; num--) {
      for (u32 i = 0; i < L; i++) source.next(group, i);
      chacha20_lanes_of_items(in, group);
      chacha20_block_lanes(out, in);
      chacha20_emit_xor(group, out);
    }
  } else {
    ChaCha20Group<W> group[3];
    ChaCha20Group<W>*before = group, *now = group + 1, *behind = group + 2;
    ChaCha20Words<W> words[2], out;
    ChaCha20Words<W>*initial = words, *next = words + 1;
    for (u32 i = 0; i < L; i++) source.next(*now, i);
    for (u32 i = 0; i < L; i++) source.nothing(*before, i);
    for (u32 i = 0; i < 16; i++) W::splat(0).store(out.w[i]);
    chacha20_lanes_of_items(*initial, *now);
    for (; num != 0; num--) {
      W x[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) x[i] = i < 4 ? W::splat(chacha20_constant(i)) : W::load(initial->w[i]);
      chacha20_rounds_with(
          x, [&](auto round) __attribute__((always_inline)) {
            constexpr int i = decltype(round)::value;
            if constexpr (i < 16) source.next(*behind, i);
            if constexpr (i % 3 == 2 && i < 12) chacha20_emit_slice<i / 3>(*before, out);
            if constexpr (i == 18) chacha20_lanes_of_items(*next, *behind);
          });
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++)
        x[i] = wrap_add(x[i], i < 4 ? W::splat(chacha20_constant(i)) : W::load(initial->w[i]));
      // The first half of the transpose needs no room and saves a way through memory; it runs into the next rounds.
      transpose_first<0>(x), transpose_first<1>(x), transpose_first<2>(x), transpose_first<3>(x);
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) x[i].store(out.w[i]);
      ChaCha20Group<W>* const done = before;
      before = now, now = behind, behind = done;
      ChaCha20Words<W>* const used = initial;
      initial = next, next = used;
    }
    chacha20_emit_slice<0>(*before, out), chacha20_emit_slice<1>(*before, out);
    chacha20_emit_slice<2>(*before, out), chacha20_emit_slice<3>(*before, out);
  }
}

/// HChaCha20 (draft-irtf-cfrg-xchacha §2.2) of up to L messages from `first` on: a message to a lane; nothing is added
/// back, and words 0 to 3 and 12 to 15 are the subkey. `out` may equal the keys: all are read before any is written.
template <class W>
MEGASEAL_NOINLINE void hchacha20_lanes(const HChaCha20Tile& tile, u32 first) {
  constexpr u32 L = W::lanes;
  const u32 num = tile.num - first < L ? tile.num - first : L;
  const u8* keys[L];
  alignas(64) u32 rows[4 * L];
  for (u32 i = 0; i < L; i++) {
    const u32 item = first + (i < num ? i : num - 1);
    keys[i] = tile.keys.base + item * tile.keys.stride;
    copy_bytes(rows + 4 * i, tile.nonces.base + item * tile.nonces.stride, 16);
  }
  W x[16], key[8], row[4];
  W::load_keys(key, keys);
  W::load_rows(row, rows);
  for (int i = 0; i < 16; i++)
    x[i] = i < 4 ? W::splat(chacha20_constant(i)) : i < 12 ? key[i - 4] : row[i - 12];
  chacha20_rounds(x);
  ChaCha20Words<W> words;
  for (int i = 0; i < 8; i++) x[i < 4 ? i : i + 8].store(words.w[i]);
  for (int i = 8; i < 16; i++) W::splat(0).store(words.w[i]);
  alignas(64) u8 pad[64 * L];
  chacha20_emit(pad, words);
  for (u32 j = 0; j < L; j++) {
    const u32 item = u32(W::item_of_lane(int(j)));
    if (item < num) copy_bytes(tile.out + 32 * size_t(first + item), pad + 64 * j, 32);
  }
}

/// A whole tile; up to three messages are done sooner row by row, in words R of four lanes.
template <class W, class R>
MEGASEAL_INLINE void hchacha20_packed(const HChaCha20Tile& tile) {
  u32 i = 0;
  for (; tile.num - i > 3; i += tile.num - i < u32(W::lanes) ? tile.num - i : u32(W::lanes))
    hchacha20_lanes<W>(tile, i);
  if (tile.num - i == 3)
    hchacha20_rows<R, 3>(tile.out, tile.keys, tile.nonces, i);
  else
    for (; i < tile.num; i++) hchacha20_rows<R, 1>(tile.out, tile.keys, tile.nonces, i);
}

MEGASEAL_KERNELS_END
