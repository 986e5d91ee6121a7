// What a slot leaves on the stack: nothing of the secrets that went in or came out. The stack below the caller is
// painted, the slot runs, and the dead frames are searched for every eight bytes of every secret.
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "tests/support/backends.hpp"
#include "tests/support/bytes.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEGASEAL_OWN_STACK 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MEGASEAL_OWN_STACK 0
#endif
#endif
#ifndef MEGASEAL_OWN_STACK
#define MEGASEAL_OWN_STACK 1
#endif

namespace megaseal::test {
namespace {

constexpr size_t depth = 96 * 1024;

__attribute__((noinline)) void paint() {
  uint8_t below[depth];
  std::memset(below, 0xa5, sizeof below);
  __asm__ volatile("" : : "r"(below) : "memory");
}

/// A copy of the dead frames, taken before anything else runs over them.
__attribute__((noinline)) void copy_below(uint8_t* out) {
  uint8_t below[depth];
  uint8_t* p = below;
  __asm__ volatile("" : "+r"(p) : : "memory");
  for (size_t i = 0; i < depth; i++) out[i] = p[i];
}

bool contains(const Bytes& stack, const Bytes& secret) {
  for (size_t i = 0; i + 8 <= secret.size(); i++)
    if (memmem(stack.data(), stack.size(), &secret[i], 8) != nullptr) return true;
  return false;
}

template <class Run>
void expect_nothing_left(const std::vector<Bytes>& secrets, const Run& run) {
  Bytes stack(depth);
  paint();
  run();
  copy_below(stack.data());
  for (size_t i = 0; i < secrets.size(); i++) EXPECT_FALSE(contains(stack, secrets[i])) << "secret " << i;
}

class Leftovers : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (!MEGASEAL_OWN_STACK) GTEST_SKIP() << "sanitizers lay the stack out their own way";
  }
};

Bytes clamped(Bytes scalar) {
  scalar[0] &= 0xf8;
  scalar[31] = uint8_t((scalar[31] & 0x7f) | 0x40);
  return scalar;
}

TEST_P(Leftovers, Ciphers) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  Random random;
  for (const size_t len : {0, 1, 40, 64, 300, 5000}) {
    const Bytes key = random.bytes(32), nonce = random.bytes(12), in = random.bytes(len + 8),
                aad = random.bytes(20);
    Bytes out(len), tag(16), stream(64 * (2 + len / 64));
    crypto_stream_chacha20_ietf_xor_ic(stream.data(), stream.data(), stream.size(), nonce.data(), 0,
                                       key.data());
    uint8_t status = 0;
    const AeadItem item{.key = key.data(),
                        .nonce = nonce.data(),
                        .aad = aad.data(),
                        .aad_len = aad.size(),
                        .in = in.data(),
                        .out = out.data(),
                        .len = len,
                        .tag = tag.data()};
    const AeadTile tile{.num = 1, .items = &item, .status = &status};
    expect_nothing_left({key, stream, in}, [&] { table().chacha20poly1305_seal(&tile); });
    const Bytes sealed = out;
    AeadItem back = item;
    back.in = sealed.data();
    const AeadTile back_tile{.num = 1, .items = &back, .status = &status};
    expect_nothing_left({key, stream, in}, [&] { table().chacha20poly1305_open(&back_tile); });
    EXPECT_EQ(status, 0);
    Bytes produced(stream.size());
    const StreamItem s{.key = key.data(),
                       .nonce = nonce.data(),
                       .out = produced.data(),
                       .len = produced.size(),
                       .counter = 0};
    const StreamTile s_tile{.num = 1, .items = &s};
    expect_nothing_left({key, stream}, [&] { table().chacha20_stream(&s_tile); });
    EXPECT_EQ(produced, stream);
  }
}

TEST_P(Leftovers, CiphersOfManyMessages) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  Random random;
  for (const size_t num : {2, 5, 70}) {
    for (const size_t len : {10, 100, 700}) {
      const Bytes keys = random.bytes(32 * num), nonces = random.bytes(12 * num),
                  in = random.bytes(len * num), aad = random.bytes(20);
      Bytes out(len * num), back(len * num), tags(16 * num), status(num);
      std::vector<Bytes> needles;
      std::vector<AeadItem> items, opens;
      for (size_t i = 0; i < num; i++) {
        items.push_back({&keys[32 * i], &nonces[12 * i], aad.data(), i % 3 == 0 ? aad.size() : 0,
                         &in[len * i], &out[len * i], len, &tags[16 * i]});
        opens.push_back(items.back());
        opens.back().in = &out[len * i], opens.back().out = &back[len * i];
        if (i != 0 && i != num / 2 && i != num - 1) continue;
        Bytes stream(128);  // the one-time key, and what the text began with
        crypto_stream_chacha20_ietf_xor_ic(stream.data(), stream.data(), stream.size(), &nonces[12 * i], 0,
                                           &keys[32 * i]);
        needles.push_back(stream);
        needles.emplace_back(&keys[32 * i], &keys[32 * i] + 32);
        needles.emplace_back(&in[len * i], &in[len * i] + std::min<size_t>(len, 64));
      }
      const AeadTile tile{.num = uint32_t(num), .items = items.data(), .status = status.data()};
      expect_nothing_left(needles, [&] { table().chacha20poly1305_seal(&tile); });
      const AeadTile open_tile{.num = uint32_t(num), .items = opens.data(), .status = status.data()};
      expect_nothing_left(needles, [&] { table().chacha20poly1305_open(&open_tile); });
      EXPECT_EQ(status, Bytes(num));
    }
  }
}

TEST_P(Leftovers, X25519) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  for (const size_t num : {1, 3, 64, 130}) {
    const Bytes secrets = random.bytes(32 * num), points = random.bytes(32 * num);
    Bytes out(32 * num), status(num);
    const X25519Tile tile{.num = uint32_t(num),
                          .secrets = {secrets.data(), 32},
                          .points = {points.data(), 32},
                          .out = out.data(),
                          .status = status.data()};
    std::vector<Bytes> needles;
    for (size_t i : {size_t(0), num - 1}) {
      const Bytes secret(secrets.begin() + ptrdiff_t(32 * i), secrets.begin() + ptrdiff_t(32 * i + 32));
      Bytes shared(32);
      ASSERT_EQ(crypto_scalarmult(shared.data(), secret.data(), &points[32 * i]), 0);
      needles.insert(needles.end(), {secret, clamped(secret), shared});
    }
    expect_nothing_left(needles, [&] { table().x25519_shared(&tile); });
    expect_nothing_left(needles, [&] { table().x25519_public(&tile); });
  }
}

/// As SHA-256 holds it: words of four bytes, the other way round.
Bytes as_words(Bytes bytes) {
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) std::reverse(&bytes[i], &bytes[i] + 4);
  return bytes;
}

TEST_P(Leftovers, KeySchedule) {
  MEGASEAL_NEEDS_SLOT(hpke_schedule);
  Random random;
  for (const size_t num : {1, 2, 3, 4, 5, 9, 16, 17, 40}) {
    const Bytes dh = random.bytes(32 * num), enc = random.bytes(32 * num), pk = random.bytes(32),
                psk = random.bytes(40);
    Bytes keys(32 * num), nonces(12 * num), exporters(32 * num);
    HpkeShared shared{};
    shared.psk = psk.data();
    shared.psk_len = psk.size();
    const HpkeScheduleTile tile{.num = uint32_t(num),
                                .shared = &shared,
                                .dh = dh.data(),
                                .enc = enc.data(),
                                .recipients = {pk.data(), 0},
                                .keys = keys.data(),
                                .nonces = nonces.data(),
                                .exporters = exporters.data()};
    table().hpke_schedule(&tile);  // once, to know what to look for
    expect_nothing_left({dh, psk, keys, nonces, exporters, as_words(keys), as_words(exporters)},
                        [&] { table().hpke_schedule(&tile); });
  }
}

TEST_P(Leftovers, Hkdf) {
  MEGASEAL_NEEDS_SLOT(hkdf_extract);
  MEGASEAL_NEEDS_SLOT(hkdf_expand);
  Random random;
  for (const size_t num : {1, 2, 4, 5, 16, 40}) {
    for (const size_t len : {32, 100}) {
      const Bytes salts = random.bytes(len * num), ikms = random.bytes(len * num), info = random.bytes(30);
      Bytes prks(32 * num), outs(len * num);
      std::vector<HkdfExtractItem> extracts;
      std::vector<HkdfExpandItem> expands;
      for (size_t i = 0; i < num; i++) {
        extracts.push_back({&salts[len * i], len, &ikms[len * i], len, &prks[32 * i]});
        expands.push_back({&prks[32 * i], info.data(), info.size(), &outs[len * i], uint32_t(len)});
      }
      const HkdfExtractTile extract{.num = uint32_t(num), .items = extracts.data()};
      const HkdfExpandTile expand{.num = uint32_t(num), .items = expands.data()};
      table().hkdf_extract(&extract);  // once, to know what to look for
      table().hkdf_expand(&expand);
      expect_nothing_left({salts, ikms, prks, as_words(salts), as_words(ikms), as_words(prks)},
                          [&] { table().hkdf_extract(&extract); });
      expect_nothing_left({prks, outs, as_words(prks)}, [&] { table().hkdf_expand(&expand); });
    }
  }
}

// Negative control: what a function leaves behind is found.
TEST(LeftoversSearch, FindsWhatIsThere) {
  if (!MEGASEAL_OWN_STACK) GTEST_SKIP() << "sanitizers lay the stack out their own way";
  const Bytes secret = Random().bytes(32);
  Bytes stack(depth);
  paint();
  const auto leak = [&]() __attribute__((noinline)) {
    uint8_t local[32];
    std::memcpy(local, secret.data(), 32);
    __asm__ volatile("" : : "r"(local) : "memory");
  };
  leak();
  copy_below(stack.data());
  EXPECT_TRUE(contains(stack, secret));
}

MEGASEAL_ON_EVERY_BACKEND(Leftovers);

}  // namespace
}  // namespace megaseal::test
