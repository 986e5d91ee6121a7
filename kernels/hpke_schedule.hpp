// HPKE's key derivation for one suite: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001,
// ChaCha20Poly1305 0x0003 (RFC 9180 §4.1 ExtractAndExpand, §5.1 KeySchedule), a message to a lane.
//
// Compressions of a message without a PSK, or with one of at most 32 bytes, as key + message + outer hash
// (no key: the empty salt's states are constants; kept: the states of `secret` serve three times):
//   eae_prk          LabeledExtract("", "eae_prk", dh)                   no key + 1 + 1
//   shared_secret    LabeledExpand(eae_prk, "shared_secret", enc ‖ pkR)       2 + 2 + 1
//   secret           LabeledExtract(shared_secret, "secret", psk)             2 + 1 + 1
//   key              LabeledExpand(secret, "key", context, 32)                2 + 2 + 1
//   base_nonce       LabeledExpand(secret, "base_nonce", context, 12)      kept + 2 + 1
//   exporter_secret  LabeledExpand(secret, "exp", context, 32)             kept + 2 + 1
// Together 19, or 22 with the exporter secret. Each further 64 bytes of PSK, begun, add one. The messages of
// the last three are the same for a whole tile and are laid out once.
#pragma once
#include "kernels/hkdf_sha256.hpp"
#include "kernels/table.hpp"

MEGASEAL_KERNELS_BEGIN

/// The HMAC states of the all-zero key: the compression of the initial state with 64 bytes of 0x36, and with
/// 64 bytes of 0x5c. An empty salt means this key (RFC 5869 §2.2). A test recomputes them.
template <class Hash>
MEGASEAL_INLINE void hmac_zero_key(HmacKey<Hash>& out) {
  constexpr u32 inner[8] = {0xf454dead, 0x9725214f, 0x90daf2a0, 0xdf1228ea,
                            0x64e5750f, 0xa3924181, 0x824a932b, 0xf8e04e32};
  constexpr u32 outer[8] = {0xd385480f, 0x7abb6477, 0x37c9c538, 0x5dd82467,
                            0x8e043a72, 0x753434b0, 0xdeb82818, 0x361d45a6};
  Hash::set(out.inner, inner);
  Hash::set(out.outer, outer);
}

/// Lays an HMAC message out in SHA-256 blocks: bytes one after the other, then the padding.
struct HmacMessage {
  u8* at;

  MEGASEAL_INLINE void put(const void* p, size_t n) {
    copy_bytes(at, p, n);
    at += n;
  }
  /// "HPKE-v1" ‖ suite_id ‖ label, the beginning of every labeled input (§4). The KEM has a suite_id of its
  /// own.
  MEGASEAL_INLINE void put_kem_label(const char* label, size_t n) {
    put("HPKE-v1KEM\x00\x20", 12);
    put(label, n);
  }
  MEGASEAL_INLINE void put_hpke_label(const char* label, size_t n) {
    put("HPKE-v1HPKE\x00\x20\x00\x01\x00\x03", 17);
    put(label, n);
  }
  /// The output length that opens a LabeledExpand, I2OSP(L, 2); L < 256.
  MEGASEAL_INLINE void put_length(u8 len) {
    at[0] = 0;
    at[1] = len;
    at += 2;
  }
  /// Zeros and the bit length; the key's block was hashed before the message. Messages here are short: the
  /// length fits the last two bytes.
  MEGASEAL_INLINE void pad(u8* begin, size_t size) {
    const size_t len = size_t(at - begin), bits = 8 * (64 + len);
    *at++ = 0x80;
    __builtin_memset(at, 0, size - len - 1);
    begin[size - 2] = u8(bits >> 8);
    begin[size - 1] = u8(bits);
  }
};

/// The blocks that are the same for every message of a tile, prepared: the messages of the last LabeledExpands, two
/// blocks each and public, for key_schedule_context holds hashes of info and psk_id alone; and the first block of the
/// "secret" message, which holds the PSK's first bytes.
template <class Common>
struct HpkeCommonBlocks {
  Common secret, key[2], base_nonce[2], exporter[2];
};

template <class Hash>
MEGASEAL_INLINE void hpke_prepare_block(typename Hash::Common& out, const u8* bytes) {
  u32 words[16];
  for (int i = 0; i < 16; i++) words[i] = load_be32(bytes + 4 * i);
  Hash::prepare(out, words);
  wipe(words, sizeof words);
}
template <class Hash>
MEGASEAL_INLINE void hpke_prepare_expand(typename Hash::Common (&out)[2], const HpkeShared& shared,
                                         u8 out_len, const char* label, size_t label_len) {
  u8 bytes[128];
  HmacMessage message = {bytes};
  message.put_length(out_len);
  message.put_hpke_label(label, label_len);
  message.put(shared.key_schedule_context, 65);
  message.put("\x01", 1);
  message.pad(bytes, sizeof bytes);
  hpke_prepare_block<Hash>(out[0], bytes);
  hpke_prepare_block<Hash>(out[1], bytes + 64);
}

/// Block `b` of the "secret" message: label, the PSK of any length, padding. Returns the number of blocks.
template <class Hash>
MEGASEAL_NOINLINE u64 hpke_prepare_secret(typename Hash::Common& out, const HpkeShared& shared, u64 b) {
  u8 label[23], bytes[64];
  HmacMessage{label}.put_hpke_label("secret", 6);
  const Sha256Message message = {{{label, sizeof label}, {shared.psk, shared.psk_len}, {}}};
  message.block(bytes, b, 64);
  hpke_prepare_block<Hash>(out, bytes);
  wipe(bytes, sizeof bytes);
  return message.num_blocks();
}

/// Messages first … first + num - 1 of a tile, 1 <= num <= lanes. Lanes beyond num repeat the last message.
template <class Hash>
MEGASEAL_NOINLINE void hpke_schedule_lanes(const HpkeScheduleTile& tile,
                                           const HpkeCommonBlocks<typename Hash::Common>& common,
                                           u64 num_secret_blocks, u32 first, u32 num) {
  struct {
    u8 dh[Hash::lanes][64], enc[Hash::lanes][128];
    typename Hash::Block block;
    typename Hash::State digest;
    HmacKey<Hash> key;
    typename Hash::Common psk;
  } s;

  // The messages of the two that differ from lane to lane: written long before they are loaded, for a load that spans
  // stores still on their way waits for them.
  for (u32 l = 0; l < u32(Hash::lanes); l++) {
    const u32 i = first + (l < num ? l : num - 1);
    HmacMessage eae_prk = {s.dh[l]};
    eae_prk.put_kem_label("eae_prk", 7);
    eae_prk.put(tile.dh + 32 * size_t(i), 32);
    eae_prk.pad(s.dh[l], 64);
    HmacMessage shared_secret = {s.enc[l]};
    shared_secret.put_length(32);
    shared_secret.put_kem_label("shared_secret", 13);
    shared_secret.put(tile.enc + 32 * size_t(i), 32);
    shared_secret.put(tile.recipients.base + i * tile.recipients.stride, 32);
    shared_secret.put("\x01", 1);
    shared_secret.pad(s.enc[l], 128);
  }

  // eae_prk
  hmac_zero_key(s.key);
  Hash::copy(s.digest, s.key.inner);
  Hash::load(s.block, s.dh[0], 64);
  Hash::compress(s.digest, s.block);
  hmac_outer(s.digest, s.key, s.block);

  // shared_secret
  hmac_set_key(s.key, s.digest, s.block);
  Hash::copy(s.digest, s.key.inner);
  Hash::load(s.block, s.enc[0], 128);
  Hash::compress(s.digest, s.block);
  Hash::load(s.block, s.enc[0] + 64, 128);
  Hash::compress(s.digest, s.block);
  hmac_outer(s.digest, s.key, s.block);

  // secret
  hmac_set_key(s.key, s.digest, s.block);
  Hash::copy(s.digest, s.key.inner);
  Hash::compress(s.digest, common.secret);
  for (u64 b = 1; b < num_secret_blocks; b++) {
    hpke_prepare_secret<Hash>(s.psk, *tile.shared, b);
    Hash::compress(s.digest, s.psk);
  }
  hmac_outer(s.digest, s.key, s.block);

  // key, base_nonce, exporter_secret
  hmac_set_key(s.key, s.digest, s.block);
  hmac_common(s.digest, s.key, common.key, 2, s.block);
  Hash::store(tile.keys + 32 * size_t(first), 32, num, 32, s.digest);
  hmac_common(s.digest, s.key, common.base_nonce, 2, s.block);
  Hash::store(tile.nonces + 12 * size_t(first), 12, num, 12, s.digest);
  if (tile.exporters) {
    hmac_common(s.digest, s.key, common.exporter, 2, s.block);
    Hash::store(tile.exporters + 32 * size_t(first), 32, num, 32, s.digest);
  }
  wipe(&s, sizeof s);
}

/// The blocks that a tile has in common, all of them prepared, and what runs with them: run(common, blocks of "secret").
template <class Hash, class Run>
MEGASEAL_INLINE void hpke_with_common_blocks(const HpkeScheduleTile& tile, const Run& run) {
  HpkeCommonBlocks<typename Hash::Common> common;
  hpke_prepare_expand<Hash>(common.key, *tile.shared, 32, "key", 3);
  hpke_prepare_expand<Hash>(common.base_nonce, *tile.shared, 12, "base_nonce", 10);
  if (tile.exporters) hpke_prepare_expand<Hash>(common.exporter, *tile.shared, 32, "exp", 3);
  const u64 num_secret_blocks = hpke_prepare_secret<Hash>(common.secret, *tile.shared, 0);
  run(common, num_secret_blocks);
  wipe(&common, sizeof common);
}
template <class Groups>
MEGASEAL_NOINLINE void hpke_schedule_many(const HpkeScheduleTile& tile) {
  const auto run = [&](const auto& common, u64 num_secret_blocks) __attribute__((always_inline)) {
    Groups::each(
        tile.num, [&]<class Hash>(u32 first, u32 count) __attribute__((always_inline)) {
          hpke_schedule_lanes<Hash>(tile, common, num_secret_blocks, first, count);
        });
  };
  hpke_with_common_blocks<typename Groups::First>(tile, run);
}
template <class Groups>
MEGASEAL_NOINLINE void hpke_schedule_one(const HpkeScheduleTile& tile) {
  using Hash = Sha256Unprepared<typename Groups::First>;
  const auto run = [&](const auto& common, u64 num_secret_blocks) __attribute__((always_inline)) {
    hpke_schedule_lanes<Hash>(tile, common, num_secret_blocks, 0, 1);
  };
  hpke_with_common_blocks<Hash>(tile, run);
}

/// A whole tile; `Groups` as in hkdf_sha256.hpp. Every Hash of a backend takes the same prepared blocks; Groups::First is
/// the one of a single message. Preparing the blocks takes as long as two compressions and saves a third of each: a
/// message alone goes without.
template <class Groups>
MEGASEAL_INLINE void hpke_schedule_tile(const HpkeScheduleTile& tile) {
  if (tile.num == 1)
    hpke_schedule_one<Groups>(tile);
  else
    hpke_schedule_many<Groups>(tile);
}

MEGASEAL_KERNELS_END
