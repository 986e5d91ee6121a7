// ChaCha20-Poly1305 (RFC 8439 §2.8) and secretbox over a ragged tile, with every lane at work.
//
// The tile is cut into chunks (aead_chunk.hpp). Sealing a chunk enciphers and authenticates it in one go. Opening has to
// know the tags before it deciphers: it computes those of one chunk while it deciphers the one before.
//
// Long messages, and messages that are too few to fill the lanes, are sealed one at a time (chacha20poly1305.hpp,
// xchacha_secretbox.hpp): a lane is then a block of the same message.
#pragma once
#include "kernels/aead_chunk.hpp"
#include "kernels/wipe_stack.hpp"
#include "kernels/xchacha_secretbox.hpp"

MEGASEAL_KERNELS_BEGIN

/// What an instruction set brings to it: W the lanes of the cipher, R its rows, P a scalar word, F the MAC's field; and
/// the crossovers, measured.
template <class W_, class R_, class P_, class F_, class Tuning_>
struct AeadPacked {
  using W = W_;
  using R = R_;
  using P = P_;
  using F = F_;
  using Tuning = Tuning_;
  using Along = Poly1305Along<F>;
  static constexpr u32 L = W::lanes, M = F::Word::lanes;

  /// Messages and bytes of a chunk. Its scratch and its messages share the second-level cache.
  static constexpr u32 max_messages = 64;
  static constexpr u64 max_bytes = 256 * 1024;
  /// Longer messages, or such with longer aad, go one at a time.
  static constexpr u64 max_len = Tuning::max_sealed_len, max_opened_len = Tuning::max_opened_len,
                       max_aad_len = 1024;
  static_assert(max_opened_len <= max_len);
  template <bool kSeal>
  static MEGASEAL_INLINE bool is_packed(const AeadItem& item) {
    return item.len <= (kSeal ? max_len : max_opened_len) && item.aad_len <= max_aad_len;
  }
  static MEGASEAL_INLINE u32 items_of(const AeadItem& item) { return u32((item.len + 63) / 64) + 1; }

  /// Whether so many messages of so many items are sooner done side by side than one at a time, measured. Long ones want
  /// company for their tags. Three that fill the lanes of one or two groups well may be sealed together.
  template <bool kSeal>
  static MEGASEAL_INLINE bool fill_lanes(u32 num, u32 items) {
    constexpr u32 many = 8, long_items = 48;
    if (num >= Tuning::min_messages) return num >= many || items <= long_items * num;
    return kSeal && num == 3 && Tuning::min_items_of_three <= items && items <= Tuning::max_items_of_three;
  }
  /// The same of a tile, by its first messages.
  template <bool kSeal>
  static MEGASEAL_INLINE bool fills_lanes(const AeadTile& tile) {
    constexpr u32 enough = 8;
    if (tile.num < 3) return false;
    u32 num = 0, items = 0;
    for (u32 i = 0; i < tile.num && i < enough; i++)
      if (is_packed<kSeal>(tile.items[i])) num++, items += items_of(tile.items[i]);
    return tile.num > enough || fill_lanes<kSeal>(num, items);
  }
  /// Texts up to here never go by themselves for being longer than their company.
  static constexpr u64 max_company_len = 512;
  /// Texts up to here are authenticated by Horner, groups side by side.
  static constexpr u64 max_horner_len = Tuning::max_horner_len;

  template <bool kBox>
  static MEGASEAL_INLINE void seal_one(const AeadItem& item) {
    if constexpr (kBox)
      secretbox_seal_one<W, R, P, Along>(item);
    else
      aead_seal_one<W, R, P, Along>(item);
  }
  template <bool kBox>
  static MEGASEAL_INLINE bool open_one(const AeadItem& item) {
    if constexpr (kBox)
      return secretbox_open_one<W, R, P, Along>(item);
    else
      return aead_open_one<W, R, P, Along>(item);
  }

  /// The next chunk, from message i of the tile on; what goes one at a time is done on the way. Answers whether there is
  /// a chunk.
  template <bool kSeal, bool kBox>
  static MEGASEAL_INLINE bool gather(AeadChunk<AeadPacked, kBox>& chunk, const AeadTile& tile, u32& i) {
    while (i < tile.num) {
      u32 num = 0, items = 0;
      u64 bytes = 0;
      for (; i < tile.num && num < max_messages; i++) {
        const AeadItem& item = tile.items[i];
        if (!is_packed<kSeal>(item)) {
          one<kBox, kSeal>(tile, i);
          continue;
        }
        // A chunk that is full enough ends with a whole group of the MAC's lanes.
        if (bytes > max_bytes && num % M == 0) break;
        items += items_of(item), bytes += item.len;
        chunk.picked[num] = &item, chunk.index[num++] = i;
      }
      chunk.num = num;
      if (num > chunk.most) chunk.most = num;
      if (fill_lanes<kSeal>(num, items)) return true;
      for (u32 k = 0; k < num; k++) one<kBox, kSeal>(tile, chunk.index[k]);
    }
    chunk.num = 0;
    return false;
  }

  /// The frames below the caller's, where chunks of up to `most` messages have been. Groups side by side take a deep
  /// frame, and messages enough.
  static MEGASEAL_INLINE void wipe_below(u32 most) {
    if (most > M)
      wipe_stack<Tuning::many_dead_bytes>();
    else
      wipe_stack<Tuning::few_dead_bytes>();
  }

  template <bool kBox>
  static MEGASEAL_NOINLINE void seal_packed(const AeadTile& tile) {
    AeadChunk<AeadPacked, kBox> chunk;
    for (u32 i = 0; gather<true>(chunk, tile, i);) chunk.seal();
    chunk.wipe_secrets();
    wipe_below(chunk.most);
  }
  /// Two chunks take turns: while one is deciphered, the next one's keys and tags are computed.
  template <bool kBox>
  static MEGASEAL_NOINLINE void open_packed(const AeadTile& tile) {
    using Chunk = AeadChunk<AeadPacked, kBox>;
    Chunk chunks[2];
    bool ok[max_messages];
    u32 i = 0, turn = 0;
    bool any;
    do {
      Chunk &now = chunks[turn], &next = chunks[turn ^ 1];
      now.verdicts(ok);
      for (u32 k = 0; k < now.num; k++)
        if (!ok[k]) tile.status[now.index[k]] = u8(ItemStatus::auth_failed);
      any = gather<false>(next, tile, i);
      now.open(ok, next);
      turn ^= 1;
    } while (any);
    chunks[0].wipe_secrets(), chunks[1].wipe_secrets();
    wipe_below(chunks[0].most > chunks[1].most ? chunks[0].most : chunks[1].most);
  }

  template <bool kBox, bool kSeal>
  static MEGASEAL_INLINE void one(const AeadTile& tile, u32 i) {
    if constexpr (kSeal)
      seal_one<kBox>(tile.items[i]);
    else if (!open_one<kBox>(tile.items[i]))
      tile.status[i] = u8(ItemStatus::auth_failed);
  }

  /// A tile that fills the lanes.
  template <bool kBox, bool kSeal>
  static MEGASEAL_INLINE void run(const AeadTile& tile) {
    if constexpr (kSeal)
      seal_packed<kBox>(tile);
    else
      open_packed<kBox>(tile);
  }
};

MEGASEAL_KERNELS_END
