// NaCl's secretbox over ChaCha20, the way libsodium's crypto_box_curve25519xchacha20poly1305 uses it once
// HChaCha20 has turned key and first 16 nonce bytes into a subkey: what a sealed box is made of.
//
// Not the AEAD of RFC 8439: the one-time key is the first half of block 0, the message starts in its second
// half, the MAC covers the ciphertext alone, and the nonce is the original cipher's 8 bytes.
#pragma once
#include "kernels/chacha20poly1305.hpp"

MEGASEAL_KERNELS_BEGIN

template <class W, class R, class P, class Along = Poly1305NotAlong>
MEGASEAL_NOINLINE void secretbox_seal_one(const AeadItem& item) {
  constexpr u64 first_max = chacha20_pad_len<W> - 32;
  ChaCha20State state;
  alignas(64) u8 head[chacha20_pad_len<W>];
  chacha20_set_key(state, item.key);
  chacha20_set_nonce8(state, item.nonce);
  const u64 first = item.len < first_max ? item.len : first_max;
  chacha20_first<W, R>(head, state, 32 + first);

  Poly1305<P, Along> mac;
  mac.init(head);
  alignas(16) u8 pad[16];  // what follows needs the head's room
  copy_bytes(pad, head + 16, sizeof pad);
  stay_in_memory(pad);
  xor_pad<W>(item.out, item.in, head + 32, first);
  u32 counter = W::lanes;
  for (u64 from = 0, at = first;;) {  // pieces that are followed by another are whole blocks
    const u64 n = item.len - at < aead_piece ? item.len - at : aead_piece;
    chacha20_xor<W, R>(item.out + at, item.in + at, n, state, counter, head);
    counter += u32(aead_piece / 64);
    at += n;
    mac.update_last(item.out + from, at - from);
    from = at;
    if (at == item.len) break;
  }
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
MEGASEAL_NOINLINE bool secretbox_open_one(const AeadItem& item) {
  constexpr u64 first_max = chacha20_pad_len<W> - 32;
  ChaCha20State state;
  alignas(64) u8 head[chacha20_pad_len<W>];
  chacha20_set_key(state, item.key);
  chacha20_set_nonce8(state, item.nonce);
  const u64 first = item.len < first_max ? item.len : first_max;
  chacha20_first<W, R>(head, state, 32 + first);

  Poly1305<P, Along> mac;
  mac.init(head);
  mac.update_last(item.in, item.len);
  P tag0, tag1;
  mac.finish(tag0, tag1, head + 16);
  const bool ok = tag_verdict(tag0, tag1, item.tag);
  if (ok) {
    xor_pad<W>(item.out, item.in, head + 32, first);
    if (first != item.len)
      chacha20_xor<W, R>(item.out + first, item.in + first, item.len - first, state, W::lanes, head);
  }
  wipe(&state, sizeof state);
  wipe(head, sizeof head);
  return ok;
}

MEGASEAL_KERNELS_END
