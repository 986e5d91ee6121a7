// ChaCha20 along one message: the key stream's beginning, which holds the one-time key, and then the rest of the
// message.
//
// W is the word of the lanes, R the four-lane word of the rows (they may be the same).
#pragma once
#include "kernels/chacha20.hpp"
#include "kernels/partial.hpp"

MEGASEAL_KERNELS_BEGIN

/// Bytes of key stream in a head: the one-time key and enough for most short messages, at less than twice the
/// time of a single block.
constexpr u64 chacha20_head_len = 256;
/// Room that the functions below want lent: a group of the lanes, at least a head.
template <class W>
constexpr u64 chacha20_pad_len = 64 * W::lanes;

/// The first `num` bytes, rounded up to blocks, of key stream from block `counter` on; 0 < num <= 256. `out`
/// has room for 256.
template <class W, class R>
MEGASEAL_INLINE void chacha20_head(u8* out, const ChaCha20State& state, u32 counter, u64 num) {
  static_assert(chacha20_pad_len<W> >= chacha20_head_len);
  if (num <= 64) return chacha20_block_alone<typename R::Alone>(out, state, counter);
  if constexpr (R::blocks == 4) {
    chacha20_rows_blocks<R, 1>(out, state, counter);
  } else if constexpr (R::blocks == 2) {
    if (num <= 128)
      chacha20_rows_blocks<R, 1>(out, state, counter);
    else
      chacha20_rows_blocks<R, 2>(out, state, counter);
  } else {
    if (num <= 128)
      chacha20_rows_blocks<R, 2>(out, state, counter);
    else if (num <= 192)
      chacha20_rows_blocks<R, 3>(out, state, counter);
    else if constexpr (W::lanes == 4)
      chacha20_groups<W, false>(out, state, counter, nullptr, 1);
    else
      chacha20_rows_blocks<R, 4>(out, state, counter);
  }
}

/// The key stream's first num <= chacha20_pad_len<W> bytes, rounded up to blocks: of a message longer than a head a
/// whole group, as the one-time key's block is one of it then instead of one more row.
template <class W, class R>
MEGASEAL_INLINE void chacha20_first(u8* out, const ChaCha20State& state, u64 num) {
  if (num <= chacha20_head_len)
    chacha20_head<W, R>(out, state, 0, num);
  else
    chacha20_groups<W, false>(out, state, 0, nullptr, 1);
}

/// out = in ^ pad over n bytes; `out` may equal `in`. The pad is key stream, of which there are whole blocks.
template <class W>
MEGASEAL_INLINE void xor_pad(u8* out, const u8* in, const u8* pad, u64 n) {
  constexpr u64 step = 4 * W::lanes;
  for (; n >= step; n -= step, out += step, in += step, pad += step)
    (W::load_bytes(in) ^ W::load_bytes(pad)).store_bytes(out);
  xor_bytes(out, in, pad, n);
}

/// Less than a group of the lanes, as key stream: rows while they are the faster.
template <class W, class R>
MEGASEAL_INLINE void chacha20_rest(u8* pad, const ChaCha20State& state, u32 counter, u64 num) {
  if (num <= chacha20_head_len)
    chacha20_head<W, R>(pad, state, counter, num);
  else if (R::blocks == 4 && num <= 2 * chacha20_head_len)
    chacha20_rows_blocks<R, 2>(pad, state, counter);
  else if (R::blocks == 2 && num <= chacha20_head_len + 128)
    chacha20_rows_blocks<R, 3>(pad, state, counter);
  else
    chacha20_groups<W, false>(pad, state, counter, nullptr, 1);
}

/// out = in xor key stream from block `counter` on; `out` may equal `in`. The caller sees to it that the
/// counter does not wrap within a message, lends `pad`, and wipes it.
template <class W, class R>
MEGASEAL_INLINE void chacha20_xor(u8* out, const u8* in, u64 len, const ChaCha20State& state, u32 counter,
                                  u8* pad) {
  constexpr u64 group = 64 * W::lanes;
  if (len >= group) {
    const u64 num = len / group;
    chacha20_groups<W, true>(out, state, counter, in, num);
    counter += u32(num * W::lanes);
    out += num * group, in += num * group, len -= num * group;
  }
  if (len == 0) return;
  chacha20_rest<W, R>(pad, state, counter, len);
  xor_pad<W>(out, in, pad, len);
}

/// The key stream itself (RFC 8439 §2.4), from block `counter` on, which wraps modulo 2^32.
template <class W, class R>
MEGASEAL_INLINE void chacha20_stream_into(u8* out, u64 len, const ChaCha20State& state, u32 counter) {
  constexpr u64 group = 64 * W::lanes;
  if (len >= group) {
    const u64 num = len / group;
    chacha20_groups<W, false>(out, state, counter, nullptr, num);
    counter += u32(num * W::lanes);
    out += num * group, len -= num * group;
  }
  if (len == 0) return;
  alignas(16) u8 pad[chacha20_pad_len<W>];
  chacha20_rest<W, R>(pad, state, counter, len);
  copy_bytes(out, pad, len);
  wipe(pad, sizeof pad);
}

MEGASEAL_KERNELS_END
