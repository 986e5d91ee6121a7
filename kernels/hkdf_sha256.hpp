// HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869).
//
// Two forms: for inputs of any length over the one-lane word; and, for 32-byte keys and messages whose blocks
// the caller lays out, over a word of any number of lanes. Both keep the two states that follow the key's
// blocks, so that a second message under the same key costs two compressions less.
#pragma once
#include "kernels/sha256.hpp"

MEGASEAL_KERNELS_BEGIN

/// The states after key ^ ipad and key ^ opad. As secret as the key.
template <class W>
struct HmacKey {
  W inner[8], outer[8];
};

// ---- Lanes: a message to a lane ----

/// From the 16 words of a zero-padded key, a key to a lane; the words are destroyed. Two compressions.
template <class W>
MEGASEAL_INLINE void hmac_set_key_block(HmacKey<W>& out, W (&block)[16]) {
  W padded[16];
  for (int i = 0; i < 16; i++) padded[i] = block[i] ^ W::splat(0x36363636);
  sha256_init(out.inner);
  sha256_compress(out.inner, padded);
  for (int i = 0; i < 16; i++) block[i] = block[i] ^ W::splat(0x5c5c5c5c);
  sha256_init(out.outer);
  sha256_compress(out.outer, block);
  wipe(padded, sizeof padded);
  wipe(block, sizeof block);
}

/// From keys of 32 bytes.
template <class W>
MEGASEAL_INLINE void hmac_set_key(HmacKey<W>& out, const W (&key)[8]) {
  W block[16];
  for (int i = 0; i < 8; i++) block[i] = key[i], block[8 + i] = W::splat(0);
  hmac_set_key_block(out, block);
}

/// The outer hash over an inner digest, in place: one compression. The padded block is the digest, a 1 bit,
/// and the length of key block and digest, 96 bytes.
template <class W>
MEGASEAL_INLINE void hmac_outer(W (&digest)[8], const HmacKey<W>& key) {
  W block[16];
  for (int i = 0; i < 8; i++) block[i] = digest[i], digest[i] = key.outer[i];
  block[8] = W::splat(0x80000000);
  for (int i = 9; i < 15; i++) block[i] = W::splat(0);
  block[15] = W::splat(96 * 8);
  sha256_compress(digest, block);
  wipe(block, sizeof block);
}

/// HMAC of a message of `num` blocks, padding included, that is the same in every lane: num + 1 compressions.
/// `words` are its big-endian words.
template <class W>
MEGASEAL_INLINE void hmac_common(W (&out)[8], const HmacKey<W>& key, const u32* words, int num) {
  for (int i = 0; i < 8; i++) out[i] = key.inner[i];
  for (int b = 0; b < num; b++) {
    W block[16];
    for (int i = 0; i < 16; i++) block[i] = W::splat(words[16 * b + i]);
    sha256_compress(out, block);
  }
  hmac_outer(out, key);
}

// ---- Any length, one message ----

/// From a key of any length; above 64 bytes it is hashed first (RFC 2104 §2).
template <class W>
MEGASEAL_INLINE void hmac_set_long_key(HmacKey<W>& out, const u8* key, u64 key_len) {
  u8 bytes[64] = {};
  if (key_len > 64) {
    Sha256Stream<W> hash;
    hash.init();
    hash.update(key, key_len);
    hash.finish();
    hash.digest(bytes);
    wipe(&hash, sizeof hash);
  } else if (key_len != 0) {
    copy_bytes(bytes, key, key_len);
  }
  W block[16];
  for (int i = 0; i < 16; i++) block[i] = W::splat(load_be32(bytes + 4 * i));
  hmac_set_key_block(out, block);
  wipe(bytes, sizeof bytes);
}

/// PRK = HMAC(salt, ikm) (RFC 5869 §2.2). An empty salt is a key of zeros, which is what padding makes of it.
template <class W>
MEGASEAL_NOINLINE void hkdf_extract_one(u8* prk, const u8* salt, u64 salt_len, const u8* ikm, u64 ikm_len) {
  HmacKey<W> key;
  Sha256Stream<W> hash;
  hmac_set_long_key(key, salt, salt_len);
  hash.resume(key.inner);
  hash.update(ikm, ikm_len);
  hash.finish();
  hmac_outer(hash.state, key);
  hash.digest(prk);
  wipe(&key, sizeof key);
  wipe(&hash, sizeof hash);
}

/// T(i) = HMAC(PRK, T(i-1) ‖ info ‖ i), out = T(1) ‖ T(2) ‖ … (RFC 5869 §2.3). out_len is at most 255 * 32.
template <class W>
MEGASEAL_NOINLINE void hkdf_expand_one(u8* out, u64 out_len, const u8* prk, const u8* info, u64 info_len) {
  HmacKey<W> key;
  Sha256Stream<W> hash;
  u8 previous[32];
  hmac_set_long_key(key, prk, 32);
  for (u8 counter = 1; out_len != 0; counter++) {
    hash.resume(key.inner);
    if (counter != 1) hash.update(previous, 32);
    hash.update(info, info_len);
    hash.update(&counter, 1);
    hash.finish();
    hmac_outer(hash.state, key);
    hash.digest(previous);
    const u64 n = out_len < 32 ? out_len : 32;
    copy_bytes(out, previous, n);
    out += n, out_len -= n;
  }
  wipe(&key, sizeof key);
  wipe(&hash, sizeof hash);
  wipe(previous, sizeof previous);
}

MEGASEAL_KERNELS_END
