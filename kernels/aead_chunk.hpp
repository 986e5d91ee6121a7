// A chunk of messages that stays in cache while it is sealed or opened, every lane at work.
//
// It becomes a list of work items, one for each 64-byte block and one for each one-time key. A block that is not whole
// gets its key stream into a pad, so that no item needs a mask. Tags come in two ways: messages of like length side by
// side in lanes, or one message after the other in a scalar word, woven into the rounds of the cipher; what the weaving
// has not got to by their end is left for the lanes.
#pragma once
#include "kernels/chacha20_packed.hpp"
#include "kernels/chacha20poly1305.hpp"
#include "kernels/poly1305_lanes.hpp"
#include "kernels/poly1305_woven.hpp"

MEGASEAL_KERNELS_BEGIN

/// S is an AeadPacked. kBox: secretbox (xchacha_secretbox.hpp), otherwise the AEAD of RFC 8439 §2.8.
template <class S, bool kBox>
struct AeadChunk {
  using W = typename S::W;
  using P = typename S::P;
  using F = typename S::F;
  using Along = typename S::Along;
  using Tuning = typename S::Tuning;
  using Row = typename Tuning::Row;
  static constexpr u32 L = W::lanes, M = F::Word::lanes, max_messages = S::max_messages;

  // The messages, where they stand in their tile, and what is to be done for them.
  const AeadItem* picked[max_messages];
  u32 index[max_messages];
  u32 num = 0;
  u32 most = 0;  // messages of any chunk that used this scratch

  // Secrets: one-time keys, key stream, and when opening the tags that the messages should have had.
  alignas(64) u8 otk[max_messages][64];
  alignas(64) u8 tail[max_messages][64];
  u8 tags[max_messages][16];
  u8* to[max_messages];  // where each tag goes

  alignas(64) u8 zeros[64];
  alignas(64) u8 trash[64];

  // Jobs of Poly1305Lanes, in order of length, with room to fill the last group.
  alignas(64) u64 len[max_messages + M];
  u64 aad_len[max_messages + M];
  const u8* text[max_messages + M];
  const u8* aad[max_messages + M];
  const u8* job_key[max_messages + M];
  u8* tag[max_messages + M];

  // Those of Poly1305Woven.
  Poly1305Piece pieces[max_messages][Poly1305Woven<P>::max_pieces];
  u32 blocks[max_messages];               // at most
  alignas(16) u8 ends[max_messages][48];  // blocks padded apart: aad's, the text's, and both lengths

  MEGASEAL_INLINE AeadChunk() { wipe(zeros, sizeof zeros); }
  MEGASEAL_INLINE void wipe_secrets() {
    wipe(otk, 64 * size_t(most));
    wipe(tail, 64 * size_t(most));
    wipe(tags, 16 * size_t(most));
    wipe(trash, sizeof trash);
  }

  /// In secretbox the message starts in the second half of block 0.
  static MEGASEAL_INLINE u64 head_len(const AeadItem& m) { return kBox ? (m.len < 32 ? m.len : 32) : 0; }
  static MEGASEAL_INLINE u64 tail_len(const AeadItem& m) { return (m.len - head_len(m)) % 64; }
  /// Items of the text.
  static MEGASEAL_INLINE u32 text_items(const AeadItem& m) { return u32((m.len - head_len(m) + 63) / 64); }

  /// Work items one after the other: of each message block 0, if kKeys, and the text's blocks, if kText. Messages
  /// without an item of their own must not be among them.
  template <bool kKeys, bool kText>
  struct Source {
    AeadChunk& chunk;
    const u8* which;  // of the messages; null: all
    u32 num;
    u32 j = 0;

    // The message in work. `left` bytes of it are still to be put.
    u64 left = 0;
    const u8 *from = nullptr, *key = nullptr;
    u8 *to = nullptr, *tail = nullptr;
    Row row = {};

    MEGASEAL_INLINE void next(ChaCha20Group<W>& group, u32 i) {
      if (!kText || left == 0) {
        if (j == num) return nothing(group, i);
        const u32 k = which == nullptr ? j : which[j];
        const AeadItem& m = *chunk.picked[k];
        j++;
        const u64 n = load_le64(m.nonce);
        if constexpr (kBox)
          row = Row::of(0, n);
        else
          row = Row::of(n << 32, load_le64(m.nonce + 4));
        key = m.key, tail = chunk.tail[k];
        const u64 head = head_len(m);
        from = m.in + head, to = m.out + head, left = m.len - head;
        if constexpr (kKeys) return group.put(i, row, key, chunk.zeros, chunk.otk[k]);
      }
      row.count();
      if (left >= 64) {
        group.put(i, row, key, from, to);
        from += 64, to += 64, left -= 64;
      } else {  // what is left of the last block gets its key stream apart
        group.put(i, row, key, chunk.zeros, tail);
        left = 0;
      }
    }
    MEGASEAL_INLINE void nothing(ChaCha20Group<W>& group, u32 i) {
      group.put(i, Row{}, chunk.zeros, chunk.zeros, chunk.trash);
    }
  };
  /// Block 0 of one chunk's messages, then the texts of another's.
  struct KeysThenTexts {
    Source<true, false> keys;
    Source<false, true> texts;
    MEGASEAL_INLINE void next(ChaCha20Group<W>& group, u32 i) {
      if (keys.j != keys.num)
        keys.next(group, i);
      else
        texts.next(group, i);
    }
    MEGASEAL_INLINE void nothing(ChaCha20Group<W>& group, u32 i) { texts.nothing(group, i); }
  };
  template <class Source, class Side>
  static MEGASEAL_NOINLINE void cipher(const Source& from, u32 groups, Side& side) {
    Source source = from;  // its own, for the compiler to know that nobody else touches it
    static_assert(!(Tuning::in_pairs && Tuning::is_woven));
    if constexpr (Tuning::in_pairs)
      chacha20_packed_pairs<W>(source, groups);
    else
      chacha20_packed_groups<W>(source, groups, side);
  }
  /// What does not fill a block, once the key stream is there.
  MEGASEAL_INLINE void finish_text(u32 k) {
    const AeadItem& m = *picked[k];
    if constexpr (kBox) xor_bytes(m.out, m.in, otk[k] + 32, head_len(m));
    if (const u64 n = tail_len(m); n != 0) W::xor_partial(m.out + m.len - n, m.in + m.len - n, tail[k], n);
  }

  /// Tags of this chunk's messages, woven into the rounds of a cipher that has `groups` groups to go: of `out` when
  /// sealing, of `in` when opening.
  template <bool kSeal>
  struct Weave {
    AeadChunk& chunk;
    u32 groups;
    /// Messages whose key is there, and their ciphertext; and how many items of the cipher those are.
    u32 done = 0, done_items = 0;
    Poly1305Woven<P> woven{chunk.pieces, chunk.blocks, chunk.otk, chunk.to};

    template <int kTurn>
    MEGASEAL_INLINE void turn() {
      woven.template row<kTurn, Tuning::woven_blocks>();
    }
    MEGASEAL_INLINE void emitted(u32 n) {
      woven.max_blocks = 10 * Tuning::woven_blocks * u64(groups - n);
      while (done < chunk.num) {
        const u32 end = done_items + 1 + (kSeal ? text_items(*chunk.picked[done]) : 0);
        if (end > n * L) break;
        done_items = end;
        if constexpr (kSeal) chunk.finish_text(done);
        chunk.queue(done++, kSeal);
        woven.num_ready++;
      }
    }
    /// The tags that are still missing.
    MEGASEAL_INLINE void end() {
      woven.template end<Along>();
      chunk.mac(woven.num_begun, kSeal);
      wipe(&woven.work, sizeof woven.work);
    }
  };

  /// Makes message k known to Poly1305Woven.
  MEGASEAL_INLINE void queue(u32 k, bool sealing) {
    const AeadItem& m = *picked[k];
    blocks[k] = u32((m.len + m.aad_len) / 16) + 3;
    u8* const end = ends[k];
    Poly1305Piece* piece = pieces[k];
    const u8* const from = sealing ? m.out : m.in;
    const u64 rest = m.len % 16;
    u64 lo = 0, hi = 0;
    if (rest != 0) load_partial16(lo, hi, from + m.len - rest, rest);
    if constexpr (kBox) {
      *piece++ = {from, u32(m.len / 16), rest == 0, false};
      if (rest == 0) return;
      if (m.len < 16) piece--;
      (rest >= 8 ? hi : lo) |= u64(1) << (8 * (rest % 8));
      store_le64(end, lo), store_le64(end + 8, hi);
      *piece = {end, 1, true, true};
    } else {
      if (m.aad_len != 0) {
        u64 aad_lo = 0, aad_hi = 0;
        const u64 aad_rest = m.aad_len % 16;
        if (m.aad_len >= 16) *piece++ = {m.aad, u32(m.aad_len / 16), false, false};
        if (aad_rest != 0) {
          load_partial16(aad_lo, aad_hi, m.aad + m.aad_len - aad_rest, aad_rest);
          store_le64(end, aad_lo), store_le64(end + 8, aad_hi);
          *piece++ = {end, 1, false, false};
        }
      }
      if (m.len >= 16) *piece++ = {from, u32(m.len / 16), false, false};
      store_le64(end + 16, lo), store_le64(end + 24, hi);
      store_le64(end + 32, m.aad_len), store_le64(end + 40, m.len);
      *piece = {rest != 0 ? end + 16 : end + 32, rest != 0 ? 2u : 1u, true, false};
    }
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
    one.finish(tag0, tag1, job_key[i] + 16);
    store_bytes(tag[i], tag0);
    store_bytes(tag[i] + 8, tag1);
  }

  /// Tags of messages `begin` and up, in lanes: of `out` when sealing, of `in` when opening.
  void mac(u32 begin, bool sealing) {
    u32 left = num - begin;
    if (left == 0) return;
    // By rows of four blocks, 0 for none; long ones more coarsely.
    constexpr u32 classes = 65 + S::max_len / 1024;
    u8 order[max_messages], class_of[max_messages];
    u32 count[classes] = {}, lowest = classes, highest = 0;
    for (u32 i = 0; i < left; i++) {
      const u64 n = picked[begin + i]->len, rows = (n + 15) / 64;
      const u64 c = rows < 64 ? rows : 64 + n / 1024;
      class_of[i] = u8(c);
      count[c]++;
      if (c < lowest) lowest = u32(c);
      if (c > highest) highest = u32(c);
    }
    if (lowest == highest) {
      for (u32 i = 0; i < left; i++) order[i] = u8(i);
    } else {
      u32 at = 0;
      for (u32 c = lowest; c <= highest; c++) {
        const u32 n = count[c];
        count[c] = at, at += n;
      }
      for (u32 i = 0; i < left; i++) order[count[class_of[i]]++] = u8(i);
    }
    for (u32 i = 0; i < left; i++) {
      const u32 o = begin + order[i];
      const AeadItem& m = *picked[o];
      len[i] = m.len, text[i] = m.len == 0 ? zeros : sealing ? m.out : m.in;
      aad_len[i] = m.aad_len, aad[i] = m.aad;
      job_key[i] = otk[o], tag[i] = to[o];
    }
    // Lanes finish together, so a message much longer than its company would keep it waiting: it goes by itself.
    for (; left != 0 && len[left - 1] > S::max_company_len; left--) {
      u64 sum = 0;
      for (u32 i = left > M ? left - M : 0; i < left; i++) sum += len[i];
      if (2 * sum >= M * len[left - 1]) break;
      mac_alone(left - 1);
    }
    const u32 up = (left + M - 1) / M * M;
    for (u32 i = left; i < up; i++) {  // the last one again, for nobody
      len[i] = len[left - 1], text[i] = text[left - 1];
      aad_len[i] = 0, aad[i] = zeros;
      job_key[i] = job_key[left - 1], tag[i] = trash;
    }
    for (u32 i = 0; i < up;) {
      const Poly1305Jobs jobs{len + i, aad_len + i, text + i, aad + i, job_key + i, tag + i};
      using Lanes = Poly1305Lanes<F, kBox>;
      // Horner in as many groups side by side as there are; the last entry of each is its longest.
      constexpr u32 wide = Tuning::horner_groups;
      if (len[i + M - 1] > S::max_horner_len) {
        Lanes::template run<true, 1>(jobs);
        i += M;
      } else if (up - i >= wide * M && len[i + wide * M - 1] <= S::max_horner_len) {
        Lanes::template run<false, wide>(jobs);
        i += wide * M;
      } else {
        Lanes::template run<false, 1>(jobs);
        i += M;
      }
    }
  }

  MEGASEAL_NOINLINE void seal() {
    u32 items = num;
    for (u32 k = 0; k < num; k++) {
      items += text_items(*picked[k]);
      to[k] = picked[k]->tag;
    }
    const u32 groups = (items + L - 1) / L;
    Source<true, true> source{*this, nullptr, num};
    if constexpr (Tuning::is_woven) {
      Weave<true> weave{*this, groups};
      cipher(source, groups, weave);
      weave.end();
    } else {
      NoSide none;
      cipher(source, groups, none);
      for (u32 k = 0; k < num; k++) finish_text(k);
      mac(0, true);
    }
  }

  // ---- Opening: keys, then tags, then the texts of those that verified ----

  /// ok[k]: whether message k verified.
  MEGASEAL_INLINE void verdicts(bool* ok) const {
    for (u32 k = 0; k < num; k++)
      ok[k] = tag_verdict(P::splat(load_le64(tags[k])), P::splat(load_le64(tags[k] + 8)), picked[k]->tag);
  }
  /// Deciphers the messages of this chunk that verified, and meanwhile finds the tags that those of `next` should have.
  /// Either may be empty.
  MEGASEAL_NOINLINE void open(const bool* ok, AeadChunk& next) {
    u8 which[max_messages];
    u32 n = 0, items = next.num;
    for (u32 k = 0; k < num; k++) {
      const u32 more = text_items(*picked[k]);
      if (!ok[k] || more == 0) continue;
      which[n++] = u8(k);
      items += more;
    }
    for (u32 k = 0; k < next.num; k++) next.to[k] = next.tags[k];
    const Source<false, true> texts{*this, which, n};
    const KeysThenTexts source{{next, nullptr, next.num}, texts};
    const u32 groups = (items + L - 1) / L;
    NoSide none;
    if (groups == 0) {
    } else if (next.num == 0) {
      cipher(texts, groups, none);
    } else if constexpr (Tuning::is_woven) {
      Weave<false> weave{next, groups};
      cipher(source, groups, weave);
      weave.end();
    } else {
      cipher(source, groups, none);
      next.mac(0, false);
    }
    for (u32 k = 0; k < num; k++)
      if (ok[k]) finish_text(k);
  }
};

MEGASEAL_KERNELS_END
