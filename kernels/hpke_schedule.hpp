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
template <class W>
MEGASEAL_INLINE void hmac_zero_key(HmacKey<W>& out) {
  constexpr u32 inner[8] = {0xf454dead, 0x9725214f, 0x90daf2a0, 0xdf1228ea,
                            0x64e5750f, 0xa3924181, 0x824a932b, 0xf8e04e32};
  constexpr u32 outer[8] = {0xd385480f, 0x7abb6477, 0x37c9c538, 0x5dd82467,
                            0x8e043a72, 0x753434b0, 0xdeb82818, 0x361d45a6};
  for (int i = 0; i < 8; i++) out.inner[i] = W::splat(inner[i]), out.outer[i] = W::splat(outer[i]);
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

/// Messages of the last LabeledExpands as words, each of two blocks: the same for every message of a tile,
/// and public, for key_schedule_context holds hashes of info and psk_id alone.
struct HpkeExpandMessages {
  u32 key[32], base_nonce[32], exporter[32];
};

MEGASEAL_INLINE void hpke_expand_message(u32 (&out)[32], const HpkeShared& shared, u8 out_len,
                                         const char* label, size_t label_len) {
  u8 bytes[128];
  HmacMessage message = {bytes};
  message.put_length(out_len);
  message.put_hpke_label(label, label_len);
  message.put(shared.key_schedule_context, 65);
  message.put("\x01", 1);
  message.pad(bytes, sizeof bytes);
  for (int i = 0; i < 32; i++) out[i] = load_be32(bytes + 4 * i);
}
MEGASEAL_INLINE void hpke_expand_messages(HpkeExpandMessages& out, const HpkeShared& shared, bool exporters) {
  hpke_expand_message(out.key, shared, 32, "key", 3);
  hpke_expand_message(out.base_nonce, shared, 12, "base_nonce", 10);
  if (exporters) hpke_expand_message(out.exporter, shared, 32, "exp", 3);
}

/// Block `b` of the "secret" message: 23 bytes of label, the PSK of any length, padding.
MEGASEAL_INLINE void hpke_psk_block(u8 (&out)[64], const HpkeShared& shared, u64 b, u64 num_blocks) {
  u8 label[23];
  HmacMessage message = {label};
  message.put_hpke_label("secret", 6);
  const u64 len = sizeof label + shared.psk_len, begin = 64 * b;
  for (u64 i = 0; i < 64; i++) {
    const u64 at = begin + i;
    out[i] = at < sizeof label ? label[at] : at < len ? shared.psk[at - sizeof label] : at == len ? 0x80 : 0;
  }
  if (b + 1 == num_blocks) {
    const u64 bits = 8 * (64 + len);
    store_be32(out + 56, u32(bits >> 32));
    store_be32(out + 60, u32(bits));
  }
}

/// Word i of lane l from bytes[l]: one block of 64 bytes to a lane, `stride` bytes apart.
template <class W>
MEGASEAL_INLINE void load_blocks(W (&out)[16], const u8* bytes, size_t stride) {
  for (int i = 0; i < 16; i++) {
    u32 word[W::lanes];
    for (int l = 0; l < W::lanes; l++) word[l] = load_be32(bytes + l * stride + 4 * i);
    out[i] = W::load(word);
  }
}

/// The first `len` bytes (whole words) of each of `num` lanes' digests, one after the other.
template <class W>
MEGASEAL_INLINE void store_digests(u8* out, const W (&digest)[8], u32 num, u32 len) {
  u32 word[W::lanes];
  for (u32 i = 0; i < len / 4; i++) {
    digest[i].store(word);
    for (u32 l = 0; l < num; l++) store_be32(out + l * len + 4 * i, word[l]);
  }
  wipe(word, sizeof word);
}

/// Messages first … first + num - 1 of a tile, 1 <= num <= lanes. Lanes beyond num repeat the last message.
template <class W>
MEGASEAL_NOINLINE void hpke_schedule_lanes(const HpkeScheduleTile& tile, const HpkeExpandMessages& messages,
                                           u32 first, u32 num) {
  struct {
    u8 bytes[W::lanes][128];
    W block[16], digest[8];
    HmacKey<W> key;
  } s;
  const auto of_lane = [&](int l) __attribute__((always_inline)) {
    return first + (u32(l) < num ? u32(l) : num - 1);
  };

  // eae_prk
  hmac_zero_key(s.key);
  for (int l = 0; l < W::lanes; l++) {
    HmacMessage message = {s.bytes[l]};
    message.put_kem_label("eae_prk", 7);
    message.put(tile.dh + 32 * size_t(of_lane(l)), 32);
    message.pad(s.bytes[l], 64);
  }
  load_blocks(s.block, s.bytes[0], 128);
  for (int i = 0; i < 8; i++) s.digest[i] = s.key.inner[i];
  sha256_compress(s.digest, s.block);
  hmac_outer(s.digest, s.key);

  // shared_secret
  hmac_set_key(s.key, s.digest);
  for (int l = 0; l < W::lanes; l++) {
    HmacMessage message = {s.bytes[l]};
    message.put_length(32);
    message.put_kem_label("shared_secret", 13);
    message.put(tile.enc + 32 * size_t(of_lane(l)), 32);
    message.put(tile.recipients.base + of_lane(l) * tile.recipients.stride, 32);
    message.put("\x01", 1);
    message.pad(s.bytes[l], 128);
  }
  for (int i = 0; i < 8; i++) s.digest[i] = s.key.inner[i];
  load_blocks(s.block, s.bytes[0], 128);
  sha256_compress(s.digest, s.block);
  load_blocks(s.block, s.bytes[0] + 64, 128);
  sha256_compress(s.digest, s.block);
  hmac_outer(s.digest, s.key);

  // secret
  hmac_set_key(s.key, s.digest);
  for (int i = 0; i < 8; i++) s.digest[i] = s.key.inner[i];
  const u64 num_blocks = (23 + tile.shared->psk_len + 9 + 63) / 64;
  for (u64 b = 0; b < num_blocks; b++) {
    u8(&psk)[64] = *reinterpret_cast<u8(*)[64]>(s.bytes[0]);
    hpke_psk_block(psk, *tile.shared, b, num_blocks);
    for (int i = 0; i < 16; i++) s.block[i] = W::splat(load_be32(psk + 4 * i));
    sha256_compress(s.digest, s.block);
  }
  hmac_outer(s.digest, s.key);

  // key, base_nonce, exporter_secret
  hmac_set_key(s.key, s.digest);
  hmac_common(s.digest, s.key, messages.key, 2);
  store_digests(tile.keys + 32 * size_t(first), s.digest, num, 32);
  hmac_common(s.digest, s.key, messages.base_nonce, 2);
  store_digests(tile.nonces + 12 * size_t(first), s.digest, num, 12);
  if (tile.exporters) {
    hmac_common(s.digest, s.key, messages.exporter, 2);
    store_digests(tile.exporters + 32 * size_t(first), s.digest, num, 32);
  }
  wipe(&s, sizeof s);
}

MEGASEAL_KERNELS_END
