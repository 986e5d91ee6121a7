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
struct ChaCha20VectorRow {
  typedef u64 V __attribute__((vector_size(16)));
  V v;
  static MEGASEAL_INLINE ChaCha20VectorRow of(u64 lo, u64 hi) { return {V{lo, hi}}; }
  /// The counter is the low half of the first number, or all of it, and does not wrap within a message.
  MEGASEAL_INLINE void count() { v += V{1, 0}; }
  /// All at once: a wider load right after narrower stores would stall.
  MEGASEAL_INLINE void store(u32* p) const { copy_bytes(p, &v, 16); }
};
/// The same where items are found while all vector registers are taken.
struct ChaCha20ScalarRow {
  u64 lo, hi;
  static MEGASEAL_INLINE ChaCha20ScalarRow of(u64 lo, u64 hi) { return {lo, hi}; }
  MEGASEAL_INLINE void count() { lo++; }
  MEGASEAL_INLINE void store(u32* p) const { store_le64((u8*)p, lo), store_le64((u8*)(p + 2), hi); }
};

/// The items of one group.
template <class W>
struct ChaCha20Group {
  static constexpr u32 L = W::lanes;
  alignas(64) u32 rows[4 * L];
  const u8* key[L];  // 32 bytes
  const u8* in[L];   // 64 bytes
  u8* out[L];        // equals `in` or does not overlap it

  /// Items are put long before their turn, so their text is on its way from memory by then.
  template <class Row>
  MEGASEAL_INLINE void put(u32 i, const Row& row, const u8* k, const u8* from, u8* to) {
    row.store(rows + 4 * i);
    key[i] = k, in[i] = from, out[i] = to;
    __builtin_prefetch(from);
    __builtin_prefetch(to, 1);
  }
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
template <class W, class Side>
MEGASEAL_NOINLINE void chacha20_block_lanes(ChaCha20Words<W>& out, const ChaCha20Words<W>& in, Side& side) {
  W x[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) x[i] = i < 4 ? W::splat(chacha20_constant(i)) : W::load(in.w[i]);
  chacha20_rounds(x, side);
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
/// out = in xor key stream in every lane; x, the key stream's words, is used up.
template <class W>
MEGASEAL_INLINE void chacha20_emit_xor(const ChaCha20Group<W>& items, W (&x)[16]) {
  constexpr int L = W::lanes;
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
template <class W>
MEGASEAL_INLINE void chacha20_emit_xor(const ChaCha20Group<W>& items, const ChaCha20Words<W>& words) {
  W x[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) x[i] = W::load(words.w[i]);
  chacha20_emit_xor(items, x);
}

// ---- Output and set-up in slices, from memory to memory, to be woven into the rounds of another group ----

/// The second half of the transpose for four blocks, and their output. Slices 0 to 3.
template <class W>
MEGASEAL_INLINE void chacha20_emit_slice(int slice, const ChaCha20Group<W>& items,
                                         const ChaCha20Words<W>& words) {
  static_assert(W::lanes == 16);
  W x[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) x[i] = W::load(words.w[slice + 4 * i]);
  transpose_second(x);
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const int item = W::item_of_lane(slice + 4 * i);
    (x[i] ^ W::load_bytes(items.in[item])).store_bytes(items.out[item]);
  }
}

/// The next `num` >= 1 groups of L items that `source` gives: source.next(group, i) puts item i.
///
/// Words with registers to spare (32 of them: 16 for the rounds, 16 for the rest) run a group's rounds together with
/// the output of the group before and the set-up of the one behind. The items themselves are found in between, too, and
/// `side` has its turns: the rounds keep the vector ports busy and leave the others idle.
template <class W, class Source, class Side>
MEGASEAL_INLINE void chacha20_packed_groups(Source& source, u32 num, Side& side) {
  constexpr u32 L = W::lanes;
  if constexpr (W::registers < 32) {
    // The next group's items are found early: rows are read wider than they are written, which has to wait until the
    // writes have left for the cache.
    ChaCha20Group<W> group[2];
    ChaCha20Words<W> in, out;
    for (u32 i = 0; i < L; i++) source.next(group[0], i);
    for (u32 n = 0; n < num; n++) {
      ChaCha20Group<W>& now = group[n % 2];
      chacha20_lanes_of_items(in, now);
      for (u32 i = 0; i < L; i++) source.next(group[(n + 1) % 2], i);
      chacha20_block_lanes(out, in, side);
      chacha20_emit_xor(now, out);
      side.emitted(n + 1);
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
    for (u32 n = 0; n < num; n++) {
      side.emitted(n == 0 ? 0 : n - 1);
      W a0 = W::splat(chacha20_constant(0)), a1 = W::splat(chacha20_constant(1)),
        a2 = W::splat(chacha20_constant(2)), a3 = W::splat(chacha20_constant(3));
      W b0 = W::load(initial->w[4]), b1 = W::load(initial->w[5]), b2 = W::load(initial->w[6]),
        b3 = W::load(initial->w[7]);
      W c0 = W::load(initial->w[8]), c1 = W::load(initial->w[9]), c2 = W::load(initial->w[10]),
        c3 = W::load(initial->w[11]);
      W d0 = W::load(initial->w[12]), d1 = W::load(initial->w[13]), d2 = W::load(initial->w[14]),
        d3 = W::load(initial->w[15]);
      for (int i = 0; i < 10; i++) {
        chacha20_quarter4(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3);
        side.template turn<0>();
        if (i < 8) source.next(*behind, 2 * i), source.next(*behind, 2 * i + 1);
        chacha20_quarter4(a0, a1, a2, a3, b1, b2, b3, b0, c2, c3, c0, c1, d3, d0, d1, d2);
        side.template turn<1>();
        if (i % 2 == 1 && i < 8) chacha20_emit_slice(i / 2, *before, out);
        if (i == 8) chacha20_lanes_of_items(*next, *behind);
      }
      W x[16] = {a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3};
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
    for (int slice = 0; slice < 4; slice++) chacha20_emit_slice(slice, *before, out);
    side.emitted(num);
  }
}

/// The same two groups at a time, by a word's chacha20_rounds_pair, for words whose rounds wait for each other. All registers
/// belong to the rounds, so only items are found among them; set-up and output overlap with them as far as the processor
/// looks, as the next pair is set up before this one's rounds.
template <class W, class Source>
MEGASEAL_INLINE void chacha20_packed_pairs(Source& source, u32 num) {
  constexpr u32 L = W::lanes;
  struct Pair {
    ChaCha20Group<W> group[2];
  } pairs[3];
  ChaCha20Words<W> words[2][2], out;
  Pair *now = pairs, *next = pairs + 1, *behind = pairs + 2;
  ChaCha20Words<W>(*initial)[2] = words, (*next_initial)[2] = words + 1;
  /// Finds the items of a pair, one a turn.
  struct Finder {
    Source& source;
    Pair* pair;
    u32 i, end;
    MEGASEAL_INLINE void turn() {
      if (i == end) return;
      source.next(pair->group[i / L], i % L);
      i++;
    }
  };
  const auto items = [](u32 groups) __attribute__((always_inline)) { return L * (groups < 2 ? groups : 2); };
  const auto set_up = [&](ChaCha20Words<W>(&in)[2], Pair & p, u32 groups) __attribute__((always_inline)) {
    if (groups > 0) chacha20_lanes_of_items(in[0], p.group[0]);
    if (groups > 1) chacha20_lanes_of_items(in[1], p.group[1]);
  };
  const auto end = [](W(&x)[16], const ChaCha20Words<W>& in) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
      x[i] = wrap_add(x[i], i < 4 ? W::splat(chacha20_constant(i)) : W::load(in.w[i]));
  };
  for (u32 i = 0; i < items(num); i++) source.next(now->group[i / L], i % L);
  for (u32 i = 0; i < items(num < 2 ? 0 : num - 2); i++) source.next(next->group[i / L], i % L);
  set_up(*initial, *now, num);
  for (; num >= 2; num -= 2) {
    set_up(*next_initial, *next, num - 2);
    Finder finder{source, behind, 0, items(num < 4 ? 0 : num - 4)};
    W x[16], y[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
      x[i] = i < 4 ? W::splat(chacha20_constant(i)) : W::load((*initial)[0].w[i]);
      y[i] = i < 4 ? W::splat(chacha20_constant(i)) : W::load((*initial)[1].w[i]);
    }
    chacha20_rounds_pair(x, y, finder);
    end(x, (*initial)[0]);
    chacha20_emit_xor(now->group[0], x);
    end(y, (*initial)[1]);
    chacha20_emit_xor(now->group[1], y);
    Pair* const done = now;
    now = next, next = behind, behind = done;
    auto* const used = initial;
    initial = next_initial, next_initial = used;
  }
  if (num != 0) {
    NoSide none;
    chacha20_block_lanes(out, (*initial)[0], none);
    chacha20_emit_xor(now->group[0], out);
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

/// A whole tile; three messages are done sooner row by row, in words R of four lanes, one or two one after the other.
template <class W, class R>
MEGASEAL_INLINE void hchacha20_packed(const HChaCha20Tile& tile) {
  u32 i = 0;
  for (; tile.num - i > 3; i += tile.num - i < u32(W::lanes) ? tile.num - i : u32(W::lanes))
    hchacha20_lanes<W>(tile, i);
  if (tile.num - i == 3)
    hchacha20_rows<R, 3>(tile.out, tile.keys, tile.nonces, i);
  else
    hchacha20_each<typename R::Alone>(tile, i);
}

MEGASEAL_KERNELS_END
