// A short message alone, ChaCha20-Poly1305 (RFC 8439 §2.8) or secretbox: the one-time key and the whole key stream come
// out of one run of the rounds. Row by row some blocks take hardly longer than one; the MAC waits for the first of them
// and the text for the others, so two runs after each other would cost almost twice the time.
//
// The same bytes as chacha20poly1305.hpp and xchacha_secretbox.hpp give, which take any length.
#pragma once
#include "kernels/chacha20poly1305.hpp"

MEGASEAL_KERNELS_BEGIN

/// The words that share the work: W the lanes of the cipher, R and N its rows, as wide as there are and narrower, P the
/// MAC's word.
template <class W_, class R_, class N_, class P_>
struct ShortWords {
  using W = W_;
  using R = R_;
  using N = N_;
  using P = P_;
};

/// Key stream from block 0 on, at least `num` bytes of it, 0 < num <= kRoom; `out` has kRoom bytes. The narrow rows take
/// the least time for a few blocks; above three words of rows a group of the lanes takes less than a fourth.
template <class Words, u64 kRoom>
MEGASEAL_INLINE void chacha20_short(u8* out, const ChaCha20State& state, u64 num) {
  using R = typename Words::R;
  using N = typename Words::N;
  constexpr u64 row = 64 * R::blocks;
  if (num <= 64) return chacha20_block_alone<typename R::Alone>(out, state, 0);
  if (64 * N::blocks < row && num <= 64 * N::blocks) return chacha20_rows_blocks<N, 1>(out, state, 0);
  if (num <= row) return chacha20_rows_blocks<R, 1>(out, state, 0);
  if constexpr (kRoom > row)
    if (num <= 2 * row) return chacha20_rows_blocks<R, 2>(out, state, 0);
  if constexpr (kRoom > 2 * row) {
    if (num <= 3 * row) return chacha20_rows_blocks<R, 3>(out, state, 0);
    chacha20_groups<typename Words::W, false>(out, state, 0, nullptr, 1);
  }
}

/// Of block 0, before the text's key stream begins.
template <bool kBox>
constexpr u64 short_key_len = kBox ? 32 : 64;

/// Seals or opens one message of up to kRoom - short_key_len bytes. Returns whether the tag verified, true when sealing;
/// opening writes `out` only then.
template <class Words, u64 kRoom, bool kBox, bool kSeal>
MEGASEAL_NOINLINE bool aead_short(const AeadItem& item) {
  using W = typename Words::W;
  using P = typename Words::P;
  constexpr u64 key_len = short_key_len<kBox>;
  ChaCha20State state;
  alignas(64) u8 pad[kRoom];
  chacha20_set_key(state, item.key);
  if constexpr (kBox)
    chacha20_set_nonce8(state, item.nonce);
  else
    chacha20_set_nonce12(state, item.nonce);
  chacha20_short<Words, kRoom>(pad, state, key_len + item.len);

  Poly1305<P> mac;
  mac.init(pad);
  if constexpr (!kBox) mac.update_padded(item.aad, item.aad_len);
  if constexpr (kSeal) xor_pad<W>(item.out, item.in, pad + key_len, item.len);
  const u8* text = kSeal ? item.out : item.in;
  if constexpr (kBox) {
    mac.update_last(text, item.len);
  } else {
    mac.update_padded(text, item.len);
    mac.update_lengths(item.aad_len, item.len);
  }
  P tag0, tag1;
  mac.finish(tag0, tag1, pad + 16);
  bool ok = true;
  if constexpr (kSeal) {
    store_bytes(item.tag, tag0);
    store_bytes(item.tag + 8, tag1);
  } else {
    ok = tag_verdict(tag0, tag1, item.tag);
    if (ok) xor_pad<W>(item.out, item.in, pad + key_len, item.len);
  }
  wipe(&state, sizeof state);
  wipe(pad, sizeof pad);
  return ok;
}

MEGASEAL_KERNELS_END
