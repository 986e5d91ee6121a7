// HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869) over a Hash (kernels/sha256.hpp), a message to a lane.
//
// A key is kept as the two states that follow its blocks, so that a second message under the same key costs two
// compressions less.
#pragma once
#include "kernels/sha256.hpp"
#include "kernels/table.hpp"

MEGASEAL_KERNELS_BEGIN

/// The states after key ^ ipad and key ^ opad. As secret as the key.
template <class Hash>
struct HmacKey {
  typename Hash::State inner, outer;
};

// `block` is where the blocks are made: the caller's, who wipes it once when all is done.

/// From the block of a zero-padded key, which is destroyed. Two compressions.
template <class Hash>
MEGASEAL_INLINE void hmac_set_key_block(HmacKey<Hash>& out, typename Hash::Block& block) {
  Hash::flip(block, 0x36363636);
  Hash::set(out.inner, sha256_initial());
  Hash::compress(out.inner, block);
  Hash::flip(block, 0x36363636 ^ 0x5c5c5c5c);
  Hash::set(out.outer, sha256_initial());
  Hash::compress(out.outer, block);
}

/// From keys that are digests.
template <class Hash>
MEGASEAL_INLINE void hmac_set_key(HmacKey<Hash>& out, const typename Hash::State& key,
                                  typename Hash::Block& block) {
  constexpr u32 zeros[8] = {};
  Hash::join(block, key, zeros);
  hmac_set_key_block(out, block);
}

/// The outer hash over an inner digest, in place: one compression. The padded block is the digest, a 1 bit,
/// and the length of key block and digest, 96 bytes.
template <class Hash>
MEGASEAL_INLINE void hmac_outer(typename Hash::State& digest, const HmacKey<Hash>& key,
                                typename Hash::Block& block) {
  constexpr u32 padding[8] = {0x80000000, 0, 0, 0, 0, 0, 0, 96 * 8};
  Hash::join(block, digest, padding);
  Hash::copy(digest, key.outer);
  Hash::compress(digest, block);
}

/// HMAC of a message of `num` blocks, padding included, that is the same in every lane: num + 1 compressions.
template <class Hash>
MEGASEAL_INLINE void hmac_common(typename Hash::State& out, const HmacKey<Hash>& key,
                                 const typename Hash::Common* blocks, int num, typename Hash::Block& block) {
  Hash::copy(out, key.inner);
  for (int b = 0; b < num; b++) Hash::compress(out, blocks[b]);
  hmac_outer(out, key, block);
}

/// The same Hash for messages of any length, which take more addresses than there are registers: those that wait on the
/// stack meanwhile are settled before a compression works at them and after it.
template <class Hash>
struct Sha256Settled : Hash {
  static MEGASEAL_INLINE void compress(typename Hash::State& s, const typename Hash::Block& block) {
    typename Hash::State* to = &s;
    const typename Hash::Block* from = &block;
    settle(to, from);
    Hash::compress(*to, *from);
    settle();
  }
};

/// PRK = HMAC(salt, ikm) (RFC 5869 §2.2) of `num` <= lanes items. A salt above 64 bytes is hashed first (RFC
/// 2104 §2); an empty one is a key of zeros, which is what padding makes of it.
template <class Hash>
MEGASEAL_NOINLINE void hkdf_extract_lanes(const HkdfExtractItem* items, u32 num) {
  struct {
    u8 bytes[Hash::lanes][64];
    typename Hash::Block block;
    typename Hash::State state;
    HmacKey<Hash> key;
  } s;
  Sha256Message messages[Hash::lanes] = {};
  __builtin_memset(&s, 0, sizeof s);

  bool any_long = false;
  for (u32 l = 0; l < num; l++) {
    const u64 len = items[l].salt_len;
    if (len > 64) any_long = true;
    messages[l].pieces[0] = {items[l].salt, len > 64 ? len : 0};
  }
  if (any_long) {
    Hash::set(s.state, sha256_initial());
    sha256_messages<Hash>(s.state, messages, num, 0);
    Hash::store(s.bytes[0], 64, num, 32, s.state);
  }
  for (u32 l = 0; l < num; l++) {
    if (items[l].salt_len > 64) continue;
    __builtin_memset(s.bytes[l], 0, 64);
    if (items[l].salt_len != 0) copy_bytes(s.bytes[l], items[l].salt, items[l].salt_len);
  }
  Hash::load(s.block, s.bytes[0], 64);
  hmac_set_key_block(s.key, s.block);

  for (u32 l = 0; l < num; l++) messages[l].pieces[0] = {items[l].ikm, items[l].ikm_len};
  Hash::copy(s.state, s.key.inner);
  sha256_messages<Hash>(s.state, messages, num, 64);
  hmac_outer(s.state, s.key, s.block);
  Hash::store(s.bytes[0], 64, num, 32, s.state);
  for (u32 l = 0; l < num; l++) copy_bytes(items[l].prk, s.bytes[l], 32);
  wipe(&s, sizeof s);
}

/// T(i) = HMAC(PRK, T(i-1) ‖ info ‖ i), out = T(1) ‖ T(2) ‖ … (RFC 5869 §2.3) of `num` <= lanes items. An
/// item whose output is complete waits for the longest.
template <class Hash>
MEGASEAL_NOINLINE void hkdf_expand_lanes(const HkdfExpandItem* items, u32 num) {
  struct {
    u8 bytes[Hash::lanes][64];  // a key, then T(i)
    typename Hash::Block block;
    typename Hash::State state;
    HmacKey<Hash> key;
  } s;
  __builtin_memset(&s, 0, sizeof s);
  u64 longest = 0;
  for (u32 l = 0; l < num; l++) {
    copy_bytes(s.bytes[l], items[l].prk, 32);
    if (items[l].out_len > longest) longest = items[l].out_len;
  }
  Hash::load(s.block, s.bytes[0], 64);
  hmac_set_key_block(s.key, s.block);

  u8 counter = 1;
  for (u64 done = 0; done < longest; done += 32, counter++) {
    Sha256Message messages[Hash::lanes] = {};
    for (u32 l = 0; l < num; l++)
      if (done < items[l].out_len)
        messages[l] = {
            {{s.bytes[l], done == 0 ? u64(0) : u64(32)}, {items[l].info, items[l].info_len}, {&counter, 1}}};
    Hash::copy(s.state, s.key.inner);
    sha256_messages<Hash>(s.state, messages, num, 64);
    hmac_outer(s.state, s.key, s.block);
    Hash::store(s.bytes[0], 64, num, 32, s.state);
    for (u32 l = 0; l < num; l++) {
      if (done >= items[l].out_len) continue;
      const u64 left = items[l].out_len - done;
      copy_bytes(items[l].out + done, s.bytes[l], left < 32 ? left : 32);
    }
  }
  wipe(&s, sizeof s);
}

// ---- Tiles ----
//
// `Groups` says how a backend shares the items of a tile out: Groups::each(num, run) calls
// run.template operator()<Hash>(first, count) for groups that together are all of them, count <= Hash::lanes.

template <class Groups>
MEGASEAL_INLINE void hkdf_extract_tile(const HkdfExtractTile& tile) {
  Groups::each(
      tile.num, [&]<class Hash>(u32 first, u32 count) __attribute__((always_inline)) {
        hkdf_extract_lanes<Sha256Settled<Hash>>(tile.items + first, count);
      });
}
template <class Groups>
MEGASEAL_INLINE void hkdf_expand_tile(const HkdfExpandTile& tile) {
  Groups::each(
      tile.num, [&]<class Hash>(u32 first, u32 count) __attribute__((always_inline)) {
        hkdf_expand_lanes<Sha256Settled<Hash>>(tile.items + first, count);
      });
}

MEGASEAL_KERNELS_END
