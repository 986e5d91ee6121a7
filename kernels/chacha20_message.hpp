// ChaCha20 along one message: the key stream's head, which holds the one-time key, and then the rest of the
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

/// The first `num` bytes, rounded up to blocks, of key stream from block `counter` on; 0 < num <= 256. `out`
/// has room for 256.
template <class W, class R>
MEGASEAL_INLINE void chacha20_head(u8* out, const ChaCha20State& state, u32 counter, u64 num) {
  if (num <= 64)
    chacha20_rows_blocks<R, 1>(out, state, counter);
  else if (num <= 128)
    chacha20_rows_blocks<R, 2>(out, state, counter);
  else if (num <= 192)
    chacha20_rows_blocks<R, 3>(out, state, counter);
  else if constexpr (W::lanes == 4)
    chacha20_groups<W, false>(out, state, counter, nullptr, 1);
  else
    chacha20_rows_blocks<R, 4>(out, state, counter);
}

/// out = in xor key stream from block `counter` on; `out` may equal `in`. The caller sees to it that the
/// counter does not wrap within a message, lends `pad`, a head's room, and wipes it.
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
  for (; len != 0; counter += chacha20_head_len / 64) {
    const u64 n = len < chacha20_head_len ? len : chacha20_head_len;
    chacha20_head<W, R>(pad, state, counter, n);
    xor_bytes(out, in, pad, n);
    out += n, in += n, len -= n;
  }
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
  alignas(16) u8 pad[chacha20_head_len];
  for (; len != 0; counter += chacha20_head_len / 64) {
    const u64 n = len < chacha20_head_len ? len : chacha20_head_len;
    chacha20_head<W, R>(pad, state, counter, n);
    copy_bytes(out, pad, n);
    out += n, len -= n;
  }
  wipe(pad, sizeof pad);
}

MEGASEAL_KERNELS_END
