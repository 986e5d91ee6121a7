// ChaCha20-Poly1305 (RFC 8439 §2.8) and secretbox over a ragged tile, with every lane at work.
//
// A chunk of messages that stays in cache becomes a list of work items, one for each 64-byte block and one for each
// one-time key. A block that is not whole gets its key stream into a pad, so that no item needs a mask. Then Poly1305 over the chunk, messages of like length side by side. Opening does the same in another order:
// one-time keys, tags, verdicts, and only then the blocks of messages that verified.
//
// Long messages, and messages that are too few to fill the lanes, are sealed one at a time (chacha20poly1305.hpp,
// xchacha_secretbox.hpp): a lane is then a block of the same message.
#pragma once
#include "kernels/chacha20_packed.hpp"
#include "kernels/chacha20poly1305.hpp"
#include "kernels/poly1305_lanes.hpp"
#include "kernels/wipe_stack.hpp"
#include "kernels/xchacha_secretbox.hpp"

MEGASEAL_KERNELS_BEGIN

/// What an instruction set brings to it: W the lanes of the cipher, R its rows, P a scalar word, F the MAC's field; and
/// the crossovers, measured.
template <class W_, class R_, class P_, class F_, class Tuning>
struct AeadPacked {
  using W = W_;
  using R = R_;
  using P = P_;
  using F = F_;
  using Along = Poly1305Along<F>;
  static constexpr u32 L = W::lanes, M = F::Word::lanes;

  /// Messages, items and bytes of a chunk. Its scratch and its messages share the second-level cache.
  static constexpr u32 max_messages = 64, max_items = 1024;
  static constexpr u64 max_bytes = 96 * 1024;
  /// Longer messages, or such with longer aad, go one at a time; so does a tile of fewer messages than min_messages.
  static constexpr u64 max_len = Tuning::max_packed_len, max_aad_len = 1024;
  static constexpr u32 min_messages = Tuning::min_messages;
  /// Two or three messages fill the lanes well enough when they have so many blocks; from some 512 bytes on each fills
  /// them by itself.
  static MEGASEAL_INLINE bool fills_lanes(u32 num, u32 items) {
    return num >= min_messages || (num > 1 && items >= Tuning::min_items && items <= 9 * num);
  }
  /// Texts up to here never go by themselves for being longer than their company.
  static constexpr u64 max_company_len = 512;
  /// Texts up to here are authenticated by Horner, groups side by side.
  static constexpr u64 max_horner_len = Tuning::max_horner_len;
  static_assert(max_len / 64 + 2 <= max_items);

  static MEGASEAL_INLINE bool is_packed(const AeadItem& item) {
    return item.len <= max_len && item.aad_len <= max_aad_len;
  }
  static MEGASEAL_INLINE u32 items_of(const AeadItem& item) { return u32((item.len + 63) / 64) + 1; }

  /// A chunk's scratch. otk, tail and tags hold secrets: one-time keys, key stream, and when opening the tags that the
  /// message should have had.
  template <bool kBox>
  struct Chunk {
    alignas(64) u8 otk[max_messages][64];
    alignas(64) u8 tail[max_messages][64];
    alignas(64) u8 zeros[64];
    alignas(64) u8 trash[64];

    // Jobs of Poly1305, in order of length, with room to fill the last group.
    alignas(64) u64 len[max_messages + M];
    u64 aad_len[max_messages + M];
    const u8* text[max_messages + M];
    const u8* aad[max_messages + M];
    const u8* job_key[max_messages + M];
    u8* tag[max_messages + M];
    u8 tags[max_messages][16];

    /// In secretbox the message starts in the second half of block 0.
    static MEGASEAL_INLINE u64 head_len(const AeadItem& m) { return kBox ? (m.len < 32 ? m.len : 32) : 0; }
    static MEGASEAL_INLINE u64 tail_len(const AeadItem& m) { return (m.len - head_len(m)) % 64; }
    /// Items of the text.
    static MEGASEAL_INLINE u32 text_items(const AeadItem& m) { return u32((m.len - head_len(m) + 63) / 64); }

    /// Work items one after the other: of each message block 0, if kKeys, and the text's blocks, if kText. Messages
    /// without an item of their own must not be among those picked.
    template <bool kKeys, bool kText>
    struct Source {
      Chunk& chunk;
      const AeadItem* const* picked;
      u32 num;
      const u32* index;  // picked[j] is message index[j] of the chunk; null: message j
      u32 j = 0;

      // The message in work. `left` bytes of it are still to be put.
      u64 left = 0;
      const u8 *from = nullptr, *key = nullptr;
      u8 *to = nullptr, *tail = nullptr;
      ChaCha20Row row = {};

      MEGASEAL_INLINE void next(ChaCha20Group<W>& group, u32 i) {
        const ChaCha20Row one = {1, 0, 0, 0};
        if (!kText || left == 0) {
          if (j == num) return nothing(group, i);
          const AeadItem& m = *picked[j];
          const u32 k = index == nullptr ? j : index[j];
          j++;
          const u64 n = load_le64(m.nonce);
          if constexpr (kBox)
            row = ChaCha20Row{0, 0, u32(n), u32(n >> 32)};
          else
            row = ChaCha20Row{0, u32(n), u32(n >> 32), load_le32(m.nonce + 8)};
          key = m.key, tail = chunk.tail[k];
          const u64 head = head_len(m);
          from = m.in + head, to = m.out + head, left = m.len - head;
          if constexpr (kKeys) return group.put(i, row, key, chunk.zeros, chunk.otk[k]);
        }
        row += one;
        if (left >= 64) {
          group.put(i, row, key, from, to);
          from += 64, to += 64, left -= 64;
        } else {  // what is left of the last block gets its key stream apart
          group.put(i, row, key, chunk.zeros, tail);
          left = 0;
        }
      }
      MEGASEAL_INLINE void nothing(ChaCha20Group<W>& group, u32 i) {
        group.put(i, ChaCha20Row{}, chunk.zeros, chunk.zeros, chunk.trash);
      }
    };
    template <bool kKeys, bool kText>
    MEGASEAL_NOINLINE void cipher(const AeadItem* const* picked, u32 num, const u32* index, u32 items) {
      Source<kKeys, kText> source{*this, picked, num, index};
      chacha20_packed_groups<W>(source, (items + L - 1) / L);
    }
    /// What does not fill a block, once the key stream is there.
    MEGASEAL_INLINE void finish_text(const AeadItem& m, u32 k) {
      if constexpr (kBox) xor_bytes(m.out, m.in, otk[k] + 32, head_len(m));
      if (const u64 n = tail_len(m); n != 0) W::xor_partial(m.out + m.len - n, m.in + m.len - n, tail[k], n);
    }

    MEGASEAL_NOINLINE void mac_alone(u32 i) {
      Poly1305<P, Along> one;
      one.init(job_key[i]);
      if constexpr (kBox) {
        one.update_last(text[i], len[i]);
      } else {
        one.update_padded(aad[i], aad_len[i]);
        one.update_padded(text[i], len[i]);
        one.update_lengths(aad_len[i], len[i]);
      }
      P tag0, tag1;
      one.finish(tag0, tag1);
      store_bytes(tag[i], tag0);
      store_bytes(tag[i] + 8, tag1);
    }

    /// Tags of messages picked[0 … num): of `out` when sealing, of `in` when opening; message k's goes to to[k].
    void mac(const AeadItem* const* picked, u32 num, bool sealing, u8* const* to) {
      constexpr u32 classes = 66;
      u8 order[max_messages], class_of[max_messages];
      u32 count[classes] = {}, least = classes, most = 0;
      for (u32 i = 0; i < num; i++) {
        u64 c = (picked[i]->len + 79) / 64;  // 1 for none, then by rows of four blocks
        c = c < classes - 1 ? c : classes - 1;
        class_of[i] = u8(c);
        count[c]++;
        if (c < least) least = u32(c);
        if (c > most) most = u32(c);
      }
      if (least == most) {
        for (u32 i = 0; i < num; i++) order[i] = u8(i);
      } else {
        u32 at = 0;
        for (u32 c = least; c <= most; c++) {
          const u32 n = count[c];
          count[c] = at, at += n;
        }
        for (u32 i = 0; i < num; i++) order[count[class_of[i]]++] = u8(i);
      }
      for (u32 i = 0; i < num; i++) {
        const u32 o = order[i];
        const AeadItem& m = *picked[o];
        len[i] = m.len, text[i] = m.len == 0 ? zeros : sealing ? m.out : m.in;
        aad_len[i] = m.aad_len, aad[i] = m.aad;
        job_key[i] = otk[o], tag[i] = to[o];
      }
      // Lanes finish together, so a message much longer than its company would keep it waiting: it goes by itself.
      for (; num != 0 && len[num - 1] > max_company_len; num--) {
        u64 sum = 0;
        for (u32 i = num > M ? num - M : 0; i < num; i++) sum += len[i];
        if (2 * sum >= M * len[num - 1]) break;
        mac_alone(num - 1);
      }
      const u32 up = (num + M - 1) / M * M;
      for (u32 i = num; i < up; i++) {  // the last one again, for nobody
        len[i] = len[num - 1], text[i] = text[num - 1];
        aad_len[i] = 0, aad[i] = zeros;
        job_key[i] = job_key[num - 1], tag[i] = trash;
      }
      for (u32 i = 0; i < up;) {
        const Poly1305Jobs jobs{len + i, aad_len + i, text + i, aad + i, job_key + i, tag + i};
        using Lanes = Poly1305Lanes<F, kBox>;
        // Horner in as many groups side by side as there are; the last entry of each is its longest.
        constexpr u32 wide = Tuning::horner_groups;
        if (len[i + M - 1] > max_horner_len) {
          Lanes::template run<true, 1>(jobs);
          i += M;
        } else if (up - i >= wide * M && len[i + wide * M - 1] <= max_horner_len) {
          Lanes::template run<false, wide>(jobs);
          i += wide * M;
        } else {
          Lanes::template run<false, 1>(jobs);
          i += M;
        }
      }
    }

    MEGASEAL_NOINLINE void seal(const AeadItem* const* picked, u32 num) {
      u32 items = num;
      u8* to[max_messages];
      for (u32 k = 0; k < num; k++) {
        items += text_items(*picked[k]);
        to[k] = picked[k]->tag;
      }
      cipher<true, true>(picked, num, nullptr, items);
      for (u32 k = 0; k < num; k++) finish_text(*picked[k], k);
      mac(picked, num, true, to);
    }

    /// ok[k]: whether message k verified.
    MEGASEAL_NOINLINE void open(const AeadItem* const* picked, u32 num, bool* ok) {
      u8* to[max_messages];
      for (u32 k = 0; k < num; k++) to[k] = tags[k];
      cipher<true, false>(picked, num, nullptr, num);
      mac(picked, num, false, to);
      const AeadItem* good[max_messages];
      u32 index[max_messages];
      u32 num_good = 0, items = 0;
      for (u32 k = 0; k < num; k++) {
        const AeadItem& m = *picked[k];
        ok[k] = tag_verdict(P::splat(load_le64(tags[k])), P::splat(load_le64(tags[k] + 8)), m.tag);
        const u32 more = text_items(m);
        if (!ok[k] || more == 0) continue;
        good[num_good] = &m, index[num_good++] = k;
        items += more;
      }
      if (items != 0) cipher<false, true>(good, num_good, index, items);
      for (u32 k = 0; k < num; k++)
        if (ok[k]) finish_text(*picked[k], k);
    }
  };

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

  /// Cuts the tile into chunks, and hands out what goes one at a time.
  template <bool kBox, bool kSeal>
  static MEGASEAL_NOINLINE void packed_tile(const AeadTile& tile) {
    Chunk<kBox> chunk;
    wipe(chunk.zeros, sizeof chunk.zeros);
    const AeadItem* picked[max_messages];
    u32 index[max_messages];
    u32 most = 0;
    for (u32 i = 0; i < tile.num;) {
      u32 num = 0, items = 0;
      u64 bytes = 0;
      for (; i < tile.num && num < max_messages; i++) {
        const AeadItem& item = tile.items[i];
        if (!is_packed(item)) {
          one<kBox, kSeal>(tile, i);
          continue;
        }
        const u32 more = items_of(item);
        // A chunk that is full enough ends with a whole group of the MAC's lanes.
        if (items + more > max_items || (bytes > max_bytes && num % M == 0)) break;
        items += more, bytes += item.len;
        picked[num] = &item, index[num++] = i;
      }
      if (!fills_lanes(num, items)) {
        for (u32 k = 0; k < num; k++) one<kBox, kSeal>(tile, index[k]);
        continue;
      }
      most = most > num ? most : num;
      if constexpr (kSeal) {
        chunk.seal(picked, num);
      } else {
        bool ok[max_messages];
        chunk.open(picked, num, ok);
        for (u32 k = 0; k < num; k++)
          if (!ok[k]) tile.status[index[k]] = u8(ItemStatus::auth_failed);
      }
    }
    wipe(chunk.otk, 64 * size_t(most));
    wipe(chunk.tail, 64 * size_t(most));
    wipe(chunk.tags, 16 * size_t(most));
    wipe(chunk.trash, sizeof chunk.trash);
    // Groups side by side take a deep frame, and messages enough.
    if (most > M)
      wipe_stack<Tuning::many_dead_bytes>();
    else
      wipe_stack<Tuning::few_dead_bytes>();
  }

  template <bool kBox, bool kSeal>
  static MEGASEAL_INLINE void one(const AeadTile& tile, u32 i) {
    if constexpr (kSeal)
      seal_one<kBox>(tile.items[i]);
    else if (!open_one<kBox>(tile.items[i]))
      tile.status[i] = u8(ItemStatus::auth_failed);
  }

  /// The slots.
  template <bool kBox, bool kSeal>
  static MEGASEAL_INLINE void run(const AeadTile& tile) {
    u32 items = 0;
    for (u32 i = 0; i < tile.num && i < min_messages; i++)
      if (is_packed(tile.items[i])) items += items_of(tile.items[i]);
    if (fills_lanes(tile.num, items)) {
      packed_tile<kBox, kSeal>(tile);
    } else {
      u64 longest = 0;
      for (u32 i = 0; i < tile.num; i++) {
        one<kBox, kSeal>(tile, i);
        const u64 n = tile.items[i].len | tile.items[i].aad_len;
        longest = n > longest ? n : longest;
      }
      // Frames are wiped as deep as they go: a short message's wiping would otherwise take longer than its sealing.
      if (longest < 16 * Along::min_blocks)
        wipe_stack<Tuning::one_dead_bytes>();
      else
        wipe_stack<Tuning::along_dead_bytes>();
    }
    wipe_registers();
  }
};

MEGASEAL_KERNELS_END
