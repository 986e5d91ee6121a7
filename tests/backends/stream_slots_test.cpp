// The key stream and HChaCha20 slots: counters at 2^32 - 1, every length, ragged tiles, strides, in place.
#include <sodium.h>

#include "tests/support/backends.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/slots.hpp"

namespace megaseal::test {
namespace {

class StreamSlots : public BackendTest {};

TEST_P(StreamSlots, CounterWrapsModulo32Bits) {
  MEGASEAL_NEEDS_SLOT(chacha20_stream);
  Random random;
  // Blocks are worked on in groups: the wrap must come out right wherever in a group it falls.
  for (uint32_t before = 0; before <= 20; ++before) {
    const Bytes key = random.bytes(32), nonce = random.bytes(12);
    const uint32_t counter = UINT32_MAX - before;
    EXPECT_EQ(stream_one(table(), key, nonce, counter, 24 * 64 + 5),
              reference::chacha20_stream(key, nonce, counter, 24 * 64 + 5))
        << "from block 2^32 - 1 - " << before;
  }
}

TEST_P(StreamSlots, EveryLengthToAKiB) {
  MEGASEAL_NEEDS_SLOT(chacha20_stream);
  Random random;
  const Bytes key = random.bytes(32), nonce = random.bytes(12);
  const Bytes expected = reference::chacha20_stream(key, nonce, 7, 1024);
  for (size_t len = 0; len <= 1024; ++len)
    ASSERT_EQ(stream_one(table(), key, nonce, 7, len),
              Bytes(expected.begin(), expected.begin() + ptrdiff_t(len)));
}

TEST_P(StreamSlots, RaggedTiles) {
  MEGASEAL_NEEDS_SLOT(chacha20_stream);
  Random random;
  for (size_t num = 0; num <= 40; ++num) {
    std::vector<Bytes> keys, nonces, outs;
    std::vector<StreamItem> items;
    for (size_t i = 0; i < num; ++i) {
      keys.push_back(random.bytes(32));
      nonces.push_back(random.bytes(12));
      outs.push_back(Bytes(random.below(400), 0xd7));
    }
    for (size_t i = 0; i < num; ++i)
      items.push_back(
          {keys[i].data(), nonces[i].data(), outs[i].data(), outs[i].size(), uint32_t(random.next())});
    const StreamTile tile = {uint32_t(num), items.data()};
    table().chacha20_stream(&tile);
    for (size_t i = 0; i < num; ++i)
      ASSERT_EQ(outs[i], reference::chacha20_stream(keys[i], nonces[i], items[i].counter, outs[i].size()));
  }
}

TEST_P(StreamSlots, HChaCha20AgainstLibsodium) {
  MEGASEAL_NEEDS_SLOT(hchacha20);
  Random random;
  for (size_t num = 0; num <= 33; ++num) {
    for (const size_t key_stride : {0, 32, 37}) {
      for (const size_t nonce_stride : {0, 16, 24}) {
        const Bytes keys = random.bytes(32 + key_stride * num),
                    nonces = random.bytes(16 + nonce_stride * num);
        Bytes out(32 * num);
        const HChaCha20Tile tile = {
            uint32_t(num), {keys.data(), key_stride}, {nonces.data(), nonce_stride}, out.data()};
        table().hchacha20(&tile);
        for (size_t i = 0; i < num; ++i) {
          Bytes expected(32);
          crypto_core_hchacha20(expected.data(), &nonces[i * nonce_stride], &keys[i * key_stride], nullptr);
          ASSERT_EQ(Bytes(&out[32 * i], &out[32 * i] + 32), expected) << "item " << i << " of " << num;
        }
      }
    }
  }
}

TEST_P(StreamSlots, HChaCha20OverItsOwnKeys) {
  MEGASEAL_NEEDS_SLOT(hchacha20);
  Random random;
  for (const size_t num : {size_t(1), size_t(7), size_t(16), size_t(33)}) {
    const Bytes keys = random.bytes(32 * num), nonces = random.bytes(16 * num);
    Bytes apart(32 * num), over = keys;
    const HChaCha20Tile first = {uint32_t(num), {keys.data(), 32}, {nonces.data(), 16}, apart.data()};
    table().hchacha20(&first);
    const HChaCha20Tile second = {uint32_t(num), {over.data(), 32}, {nonces.data(), 16}, over.data()};
    table().hchacha20(&second);
    EXPECT_EQ(over, apart);
  }
}

TEST_P(StreamSlots, SealedBoxNoncesAgainstLibsodium) {
  MEGASEAL_NEEDS_SLOT(sealedbox_nonces);
  Random random;
  for (size_t num = 0; num <= 33; ++num) {
    for (const size_t stride : {0, 32, 37}) {
      const Bytes enc = random.bytes(32 * num), recipients = random.bytes(32 + stride * num);
      Bytes out(24 * num);
      const SealedBoxNonceTile tile = {uint32_t(num), enc.data(), {recipients.data(), stride}, out.data()};
      table().sealedbox_nonces(&tile);
      for (size_t i = 0; i < num; ++i) {
        Bytes both(&enc[32 * i], &enc[32 * i] + 32);
        both.insert(both.end(), &recipients[stride * i], &recipients[stride * i] + 32);
        Bytes expected(24);
        crypto_generichash(expected.data(), 24, both.data(), both.size(), nullptr, 0);
        ASSERT_EQ(Bytes(&out[24 * i], &out[24 * i] + 24), expected) << "item " << i << " of " << num;
      }
    }
  }
}

MEGASEAL_ON_EVERY_BACKEND(StreamSlots);

}  // namespace
}  // namespace megaseal::test
