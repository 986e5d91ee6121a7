// BLAKE2b (RFC 7693) as sealed boxes use it: BLAKE2b-192(epk ‖ pk), unkeyed, is the box's nonce. 64 bytes are half a block,
// so a message is one compression, of which eight of sixteen words are zero; a message to a lane. Nothing here is secret.
#pragma once
#include "kernels/base.hpp"
#include "kernels/table.hpp"

MEGASEAL_KERNELS_BEGIN

/// The order of the message's words in round i (§2.7); rounds 10 and 11 are 0 and 1 again.
MEGASEAL_TABLE constexpr u8 blake2b_sigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                                     {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                                     {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                                     {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                                     {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                                     {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                                     {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                                     {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                                     {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                                     {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

/// SHA-512's initial state (§2.6).
MEGASEAL_TABLE constexpr u64 blake2b_iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                              0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                              0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

/// Half of the mixing function G (§3.1). Words of the message above the seventh are zero.
template <int kWord, int kTurnD, int kTurnB, class W>
MEGASEAL_INLINE void blake2b_half(W& a, W& b, W& c, W& d, const W (&m)[8]) {
  a = wrap_add(a, b);
  if constexpr (kWord < 8) a = wrap_add(a, m[kWord]);
  d = (d ^ a).template rotr<kTurnD>();
  c = wrap_add(c, d);
  b = (b ^ c).template rotr<kTurnB>();
}
/// G number kAt of a round: of a column, or from 4 on of a diagonal.
template <int kRound, int kAt, class W>
MEGASEAL_INLINE void blake2b_mix(W (&v)[16], const W (&m)[8]) {
  constexpr auto& order = blake2b_sigma[kRound % 10];
  constexpr int turn = kAt / 4, i = kAt % 4;
  W &a = v[i], &b = v[4 + (i + turn) % 4], &c = v[8 + (i + 2 * turn) % 4], &d = v[12 + (i + 3 * turn) % 4];
  blake2b_half<order[2 * kAt], 32, 24>(a, b, c, d, m);
  blake2b_half<order[2 * kAt + 1], 16, 63>(a, b, c, d, m);
}
template <int kRound = 0, class W>
MEGASEAL_INLINE void blake2b_rounds(W (&v)[16], const W (&m)[8]) {
  blake2b_mix<kRound, 0>(v, m), blake2b_mix<kRound, 1>(v, m), blake2b_mix<kRound, 2>(v, m),
      blake2b_mix<kRound, 3>(v, m);
  blake2b_mix<kRound, 4>(v, m), blake2b_mix<kRound, 5>(v, m), blake2b_mix<kRound, 6>(v, m),
      blake2b_mix<kRound, 7>(v, m);
  if constexpr (kRound < 11) blake2b_rounds<kRound + 1>(v, m);
}

/// The first 24 bytes of the hash as three words, of one block of 64 bytes (§3.2, §3.3).
template <class W>
MEGASEAL_INLINE void blake2b_192(W (&out)[3], const W (&m)[8]) {
  constexpr u64 parameters = 0x01010000 | 24;  // depth and fanout 1, no key, length of the digest
  W v[16];
  for (int i = 0; i < 8; i++) v[i] = W::splat(blake2b_iv[i] ^ (i == 0 ? parameters : 0));
  for (int i = 0; i < 8; i++) v[8 + i] = W::splat(blake2b_iv[i] ^ (i == 4 ? 64 : i == 6 ? ~u64(0) : 0));
  blake2b_rounds(v, m);
  for (int i = 0; i < 3; i++) out[i] = W::splat(blake2b_iv[i] ^ (i == 0 ? parameters : 0)) ^ v[i] ^ v[8 + i];
}

/// Nonces of boxes `first` to first + num - 1, num <= W::lanes; lanes without a box repeat the last.
template <class W>
MEGASEAL_NOINLINE void sealedbox_nonces_group(const SealedBoxNonceTile& tile, u32 first, u32 num) {
  const u8 *enc[W::lanes], *recipients[W::lanes];
  for (u32 l = 0; l < u32(W::lanes); l++) {
    const size_t k = first + (l < num ? l : num - 1);
    enc[l] = tile.enc + 32 * k;
    recipients[l] = tile.recipients.base + k * tile.recipients.stride;
  }
  W m[8], low[4], high[4], hash[3];
  W::load_keys(low, enc);
  W::load_keys(high, recipients);
  for (int i = 0; i < 4; i++) m[i] = low[i], m[4 + i] = high[i];
  blake2b_192(hash, m);
  u64 lanes[3][W::lanes];
  for (int i = 0; i < 3; i++) hash[i].store(lanes[i]);
  for (u32 l = 0; l < num; l++)
    for (int i = 0; i < 3; i++) store_le64(tile.nonces + 24 * size_t(first + l) + 8 * i, lanes[i][l]);
}

/// A whole tile: groups of the wide word, and what a few messages alone would leave idle there by themselves.
template <class W, class One>
MEGASEAL_INLINE void sealedbox_nonces_tile(const SealedBoxNonceTile& tile) {
  constexpr u32 lanes = W::lanes;
  u32 i = 0;
  for (; tile.num - i > 1; i += tile.num - i < lanes ? tile.num - i : lanes)
    sealedbox_nonces_group<W>(tile, i, tile.num - i < lanes ? tile.num - i : lanes);
  if (i < tile.num) sealedbox_nonces_group<One>(tile, i, 1);
}

MEGASEAL_KERNELS_END
