// Poly1305 (RFC 8439 §2.5) of one message after another in a scalar word, in portions small enough to stand among the
// rounds of a vector cipher.
//
// The rounds keep the vector ports busy and wait for each other; the ports of 64-bit multiplications and additions
// idle meanwhile. What a MAC does there costs hardly any time. It has to stand among the rounds in the program: a
// processor looks a few hundred instructions ahead, and a group's rounds are a thousand.
//
// A message is a list of pieces, each of whole blocks: additional data, text, and what had to be padded apart. Two
// messages are in work and take turns, a row of blocks each: a block waits for the one before it, and the other message's
// blocks do not.
#pragma once
#include "kernels/poly1305.hpp"

MEGASEAL_KERNELS_BEGIN

/// Whole blocks of one message, in order. A message of no blocks has one piece of none.
struct Poly1305Piece {
  const u8* p;
  u32 blocks;
  bool is_last;    // of its message
  bool is_marked;  // its block carries its own final 1 (§2.5): nothing is added at 2^128
};

/// P is the scalar word. Branches depend on lengths alone.
template <class P>
struct Poly1305Woven {
  static constexpr u32 max_pieces = 4;  // of a message

  /// The queue, by messages: pieces, the one-time key, and where the tag goes.
  const Poly1305Piece (*pieces)[max_pieces];
  const u32* lens;  // in blocks
  const u8 (*keys)[64];
  u8* const* tags;
  u32 num_ready = 0, num_begun = 0;
  /// Blocks that a message may have to be begun: what it would leave at the end of the rounds takes long.
  u64 max_blocks = 0;

  /// A message in work, if blocks != 0.
  struct Work {
    Poly1305<P> mac;
    const Poly1305Piece* piece = nullptr;
    const u8* p = nullptr;  // of the piece: what is left
    const u8* pad = nullptr;
    u64 blocks = 0, top = 0;
    u8* tag = nullptr;

    MEGASEAL_INLINE void take(const Poly1305Piece* next) {
      piece = next;
      p = next->p, blocks = next->blocks, top = next->is_marked ? 0 : 1;
    }
    template <class Mac>
    MEGASEAL_INLINE void end_piece(const Mac& now) {
      if (!piece->is_last) return take(piece + 1);
      P tag0, tag1;
      now.finish(tag0, tag1, pad);
      store_bytes(tag, tag0);
      store_bytes(tag + 8, tag1);
      blocks = 0;
    }
  } work[2] = {};

  /// The next row of message 0 or 1: up to kBlocks blocks.
  template <int kWork, int kBlocks>
  MEGASEAL_INLINE void row() {
    Work& w = work[kWork];
    if (w.blocks == 0) {
      if (num_begun == num_ready || lens[num_begun] > max_blocks) return;
      w.mac.init(keys[num_begun]);
      w.pad = keys[num_begun] + 16;
      w.tag = tags[num_begun];
      w.take(pieces[num_begun++]);
      if (w.blocks == 0) return w.end_piece(w.mac);
    }
    Poly1305<P> mac = w.mac;
#pragma GCC unroll 4
    for (int i = 0; i < kBlocks; i++)
      if (i == 0 || w.blocks > u64(i))
        mac.block(P::splat(load_le64(w.p + 16 * i)), P::splat(load_le64(w.p + 16 * i + 8)), P::splat(w.top));
    w.mac.h0 = mac.h0, w.mac.h1 = mac.h1, w.mac.h2 = mac.h2;
    if (w.blocks > kBlocks)
      w.p += 16 * kBlocks, w.blocks -= kBlocks;
    else
      w.end_piece(mac);
  }

  /// Ends the messages that are in work.
  template <class Along>
  MEGASEAL_NOINLINE void end() {
    for (Work& w : work) {
      if (w.blocks == 0) continue;
      Poly1305<P, Along> mac;
      mac.h0 = w.mac.h0, mac.h1 = w.mac.h1, mac.h2 = w.mac.h2;
      mac.r0 = w.mac.r0, mac.r1 = w.mac.r1, mac.s1 = w.mac.s1;
      while (w.blocks != 0) {
        if (w.top == 0)
          mac.block(P::splat(load_le64(w.p)), P::splat(load_le64(w.p + 8)), P::splat(0));
        else
          mac.blocks(w.p, w.blocks);
        w.end_piece(mac);
      }
      wipe(&mac, sizeof mac);
    }
  }
};

MEGASEAL_KERNELS_END
