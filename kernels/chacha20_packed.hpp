// ChaCha20 (RFC 8439 §2.4) over work items: blocks of many messages, one to a lane, each with its own key, counter and
// nonce. An item's key stream is xored into its message at once.
//
// A lane costs the same whether it is needed or not, so what fills the lanes decides the speed for short messages:
// here any sixteen (eight) blocks do, the one-time-key blocks of Poly1305 among them.
#pragma once
#include "kernels/chacha20.hpp"
#include "kernels/partial.hpp"

MEGASEAL_KERNELS_BEGIN

/// Arrays with an entry (four words in `rows`) for each item.
struct ChaCha20Items {
  const u32* rows;       // counter and nonce: words 12 to 15 of the state
  const u8* const* key;  // 32 bytes
  const u8* const* in;
  u8* const* out;  // equals `in` or does not overlap it
};

/// Words across lanes, in memory.
template <class W>
struct ChaCha20Words {
  alignas(64) u32 w[16][W::lanes];
};

/// Set-up: keys, counters and nonces of L items, each lane as W::item_of_lane has it.
template <class W>
MEGASEAL_INLINE void chacha20_lanes_of_items(ChaCha20Words<W>& out, const ChaCha20Items& items) {
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
/// out = in xor key stream in every lane, whole blocks.
template <class W>
MEGASEAL_INLINE void chacha20_emit_xor(const ChaCha20Items& items, const ChaCha20Words<W>& words) {
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

/// L items; the first `full` of them take whole blocks, the others part[item] < 64 bytes.
template <class W>
MEGASEAL_NOINLINE void chacha20_packed_group(const ChaCha20Items& items, u32 full, const u8* part) {
  constexpr int L = W::lanes;
  ChaCha20Words<W> in, out;
  chacha20_lanes_of_items(in, items);
  chacha20_block_lanes(out, in);
  if (full >= u32(L)) {
    chacha20_emit_xor(items, out);
    return;
  }
  alignas(64) u8 pad[64 * L];
  chacha20_emit(pad, out);
  for (int j = 0; j < L; j++) {
    const int item = W::item_of_lane(j);
    if (u32(item) < full) {
#pragma GCC unroll 2
      for (int at = 0; at < 64; at += 4 * L)
        (W::load_bytes(pad + 64 * j + at) ^ W::load_bytes(items.in[item] + at))
            .store_bytes(items.out[item] + at);
    } else {
      W::xor_partial(items.out[item], items.in[item], pad + 64 * j, part[item]);
    }
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
