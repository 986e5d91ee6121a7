// ChaCha20-Poly1305 (RFC 8439 §2.8), one message at a time.
//
// The one-time key is block 0 of the key stream and the message begins at block 1, so the first blocks are computed
// together, as many as the lanes have: they give the key and cover what stands at the message's beginning.
#pragma once
#include "kernels/chacha20_message.hpp"
#include "kernels/poly1305.hpp"
#include "kernels/table.hpp"

MEGASEAL_KERNELS_BEGIN

/// How far the cipher runs ahead of the MAC: what it wrote is still in the first-level cache when it is read
/// back. A multiple of 16, so that a piece ends with a whole Poly1305 block, and of the lanes' groups.
constexpr u64 aead_piece = 8192;

/// Compares two tags in constant time and makes the verdict public: whether a message is authentic is for everyone to
/// see.
template <class W>
MEGASEAL_INLINE bool tag_verdict(W tag0, W tag1, const u8* tag) {
  const W difference = (tag0 ^ W::splat(load_le64(tag))) | (tag1 ^ W::splat(load_le64(tag + 8)));
  return is_zero_made_public(difference);
}

/// W is the word of the cipher's lanes, R the four-lane word of its rows, P the MAC's word,
/// Along what takes over in long messages.
template <class W, class R, class P, class Along = Poly1305NotAlong>
MEGASEAL_NOINLINE void aead_seal_one(const AeadItem& item) {
  static_assert(aead_piece % (64 * W::lanes) == 0);
  constexpr u64 first_max = chacha20_pad_len<W> - 64;
  ChaCha20State state;
  alignas(64) u8 head[chacha20_pad_len<W>];
  chacha20_set_key(state, item.key);
  chacha20_set_nonce12(state, item.nonce);
  const u64 first = item.len < first_max ? item.len : first_max;
  chacha20_first<W, R>(head, state, 64 + first);

  Poly1305<P, Along> mac;
  mac.init(head);
  alignas(16) u8 pad[16];  // what follows needs the head's room
  copy_bytes(pad, head + 16, sizeof pad);
  stay_in_memory(pad);
  mac.update_padded(item.aad, item.aad_len);
  xor_pad<W>(item.out, item.in, head + 64, first);
  u32 counter = W::lanes;
  for (u64 from = 0, at = first;;) {  // the first piece takes in the head, so that the MAC finds it long
    const u64 n = item.len - at < aead_piece ? item.len - at : aead_piece;
    chacha20_xor<W, R>(item.out + at, item.in + at, n, state, counter, head);
    counter += u32(aead_piece / 64);
    at += n;
    mac.update_padded(item.out + from, at - from);
    from = at;
    if (at == item.len) break;
  }
  mac.update_lengths(item.aad_len, item.len);
  P tag0, tag1;
  mac.finish(tag0, tag1, pad);
  store_bytes(item.tag, tag0);
  store_bytes(item.tag + 8, tag1);
  wipe(&state, sizeof state);
  wipe(head, sizeof head);
  wipe(pad, sizeof pad);
}

/// Returns whether the tag verified; only then is `out` written.
template <class W, class R, class P, class Along = Poly1305NotAlong>
MEGASEAL_NOINLINE bool aead_open_one(const AeadItem& item) {
  constexpr u64 first_max = chacha20_pad_len<W> - 64;
  ChaCha20State state;
  alignas(64) u8 head[chacha20_pad_len<W>];
  chacha20_set_key(state, item.key);
  chacha20_set_nonce12(state, item.nonce);
  const u64 first = item.len < first_max ? item.len : first_max;
  chacha20_first<W, R>(head, state, 64 + first);

  Poly1305<P, Along> mac;
  mac.init(head);
  mac.update_padded(item.aad, item.aad_len);
  mac.update_padded(item.in, item.len);
  mac.update_lengths(item.aad_len, item.len);
  P tag0, tag1;
  mac.finish(tag0, tag1, head + 16);
  const bool ok = tag_verdict(tag0, tag1, item.tag);
  if (ok) {
    xor_pad<W>(item.out, item.in, head + 64, first);
    if (first != item.len)
      chacha20_xor<W, R>(item.out + first, item.in + first, item.len - first, state, W::lanes, head);
  }
  wipe(&state, sizeof state);
  wipe(head, sizeof head);
  return ok;
}

MEGASEAL_KERNELS_END
