// What a slot leaves on the stack: nothing of the secrets that went in or came out. The stack below the caller is
// painted, the slot runs, and the dead frames are searched for every eight bytes of every secret.
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "tests/support/backends.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/prepared.hpp"
#include "tests/support/reference.hpp"

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

constexpr size_t depth = 128 * 1024;

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

/// What Poly1305 makes of a one-time key (RFC 8439 §2.5): r, clamped, in halves, and five quarters of the upper one.
Bytes poly1305_numbers(const uint8_t* one_time_key) {
  uint64_t r[3];
  std::memcpy(r, one_time_key, 16);
  r[0] &= 0x0ffffffc0fffffff, r[1] &= 0x0ffffffc0ffffffc;
  r[2] = r[1] + (r[1] >> 2);
  Bytes out(sizeof r);
  std::memcpy(out.data(), r, sizeof r);
  return out;
}

#if defined(__x86_64__)
/// Calls slot(tile) and takes the registers that a function need not preserve, as it left them.
template <class Tile>
__attribute__((noinline)) void call_for_registers(void (*slot)(const Tile*), const Tile* tile,
                                                  uint64_t (&out)[9]) {
  register void (*f)(const Tile*) __asm__("r12") = slot;
  register uint64_t* to __asm__("r13") = out;
  register const Tile* argument __asm__("rdi") = tile;
  __asm__ volatile(
      "mov %%rsp, %%rbx\n\tsub $256, %%rsp\n\tand $-64, %%rsp\n\t"
      "call *%%r12\n\t"
      "mov %%rbx, %%rsp\n\t"
      "mov %%rax, (%%r13)\n\tmov %%rcx, 8(%%r13)\n\tmov %%rdx, 16(%%r13)\n\tmov %%rsi, 24(%%r13)\n\t"
      "mov %%rdi, 32(%%r13)\n\tmov %%r8, 40(%%r13)\n\tmov %%r9, 48(%%r13)\n\tmov %%r10, 56(%%r13)\n\t"
      "mov %%r11, 64(%%r13)"
      : "+r"(argument)
      : "r"(f), "r"(to)
      : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
        "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc",
        "memory");
}

template <class Tile>
void expect_nothing_in_registers(const std::vector<Bytes>& secrets, void (*slot)(const Tile*),
                                 const Tile& tile) {
  uint64_t registers[9];
  call_for_registers(slot, &tile, registers);
  for (const uint64_t r : registers) {
    if (r == 0) continue;
    const Bytes bytes(reinterpret_cast<const uint8_t*>(&r), reinterpret_cast<const uint8_t*>(&r) + 8);
    for (const Bytes& secret : secrets)
      EXPECT_TRUE(memmem(secret.data(), secret.size(), bytes.data(), 8) == nullptr) << "in a register";
  }
}
#else
template <class Tile>
void expect_nothing_in_registers(const std::vector<Bytes>&, void (*)(const Tile*), const Tile&) {}
#endif

class Leftovers : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (GetParam() == &stand_in_row())
      GTEST_SKIP() << "what the programs leave where they run on the host says nothing about a device";
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
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  Random random;
  for (const size_t len : {0, 1, 40, 64, 192, 193, 300, 440, 800, 960, 1000, 5000}) {
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
    const Bytes numbers = poly1305_numbers(stream.data());
    expect_nothing_left({key, stream, in, numbers}, [&] { table().chacha20poly1305_seal(&tile); });
    const Bytes sealed = out;
    AeadItem back = item;
    back.in = sealed.data();
    const AeadTile back_tile{.num = 1, .items = &back, .status = &status};
    expect_nothing_left({key, stream, in, numbers}, [&] { table().chacha20poly1305_open(&back_tile); });
    EXPECT_EQ(status, 0);
    if (!table().chacha20_stream) continue;  // as a device leaves it to the CPU
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
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
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
        needles.push_back(poly1305_numbers(stream.data()));
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

// Lengths that go all the ways there are, in one tile; and of what is refused the right tag is a secret as well.
TEST_P(Leftovers, CiphersOfRaggedMessages) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  Random random;
  const size_t lens[] = {0, 5, 64, 700, 17000, 129, 16384, 40, 3000, 1}, num = 150;
  std::vector<Bytes> in(num), out(num), back(num), needles;
  const Bytes keys = random.bytes(32 * num), nonces = random.bytes(12 * num), aad = random.bytes(1100);
  Bytes tags(16 * num), status(num);
  std::vector<AeadItem> items, opens;
  for (size_t i = 0; i < num; i++) {
    const size_t len = lens[random.below(std::size(lens))];
    in[i] = random.bytes(len + 8), out[i].resize(len + 8), back[i].resize(len + 8);
    items.push_back({&keys[32 * i], &nonces[12 * i], aad.data(), i % 10 == 0 ? aad.size() : i % 3,
                     in[i].data(), out[i].data(), len, &tags[16 * i]});
    opens.push_back(items.back());
    opens.back().in = out[i].data(), opens.back().out = back[i].data();
    Bytes stream(128);
    crypto_stream_chacha20_ietf_xor_ic(stream.data(), stream.data(), stream.size(), &nonces[12 * i], 0,
                                       &keys[32 * i]);
    needles.push_back(poly1305_numbers(stream.data()));
    needles.push_back(stream);
    needles.emplace_back(in[i].begin(), in[i].begin() + ptrdiff_t(std::min<size_t>(len, 64)));
  }
  const AeadTile tile{.num = uint32_t(num), .items = items.data(), .status = status.data()};
  expect_nothing_left(needles, [&] { table().chacha20poly1305_seal(&tile); });
  for (size_t i = 0; i < num; i += 7) {
    needles.emplace_back(&tags[16 * i], &tags[16 * i] + 16);
    tags[16 * i + 3] ^= 1;
  }
  const AeadTile open_tile{.num = uint32_t(num), .items = opens.data(), .status = status.data()};
  expect_nothing_left(needles, [&] { table().chacha20poly1305_open(&open_tile); });
  for (size_t i = 0; i < num; i++) EXPECT_EQ(status[i] != 0, i % 7 == 0) << i;
}

TEST_P(Leftovers, CiphersInGeneralRegisters) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  Random random;
  for (size_t round = 0; round < 60; round++) {
    const size_t num = 1 + random.below(20);
    const Bytes keys = random.bytes(32 * num), nonces = random.bytes(12 * num), in = random.bytes(600 * num);
    Bytes out(600 * num), back(600 * num), tags(16 * num), status(num), secrets;
    std::vector<AeadItem> items, opens;
    for (size_t i = 0; i < num; i++) {
      items.push_back({&keys[32 * i], &nonces[12 * i], nullptr, 0, &in[600 * i], &out[600 * i],
                       random.below(600), &tags[16 * i]});
      opens.push_back(items.back());
      opens.back().in = &out[600 * i], opens.back().out = &back[600 * i];
      Bytes stream(704);
      crypto_stream_chacha20_ietf_xor_ic(stream.data(), stream.data(), stream.size(), &nonces[12 * i], 0,
                                         &keys[32 * i]);
      for (const Bytes& part :
           {stream, poly1305_numbers(stream.data()), Bytes(&keys[32 * i], &keys[32 * i] + 32)})
        secrets.insert(secrets.end(), part.begin(), part.end());
    }
    const auto expect_none = [&](void (*slot)(const AeadTile*), const std::vector<AeadItem>& of) {
      expect_nothing_in_registers(
          {secrets}, slot, AeadTile{.num = uint32_t(num), .items = of.data(), .status = status.data()});
    };
    expect_none(table().chacha20poly1305_seal, items);
    expect_none(table().chacha20poly1305_open, opens);
    EXPECT_EQ(status, Bytes(num));
  }
}

TEST_P(Leftovers, X25519) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  MEGASEAL_NEEDS_SLOT(x25519_public);
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
    expect_nothing_in_registers(needles, table().x25519_shared, tile);
    expect_nothing_in_registers(needles, table().x25519_public, tile);
  }
}

/// What a comb makes of a clamped scalar: an eighth of it, and half of that.
Bytes shifted(const Bytes& scalar, int bits) {
  Bytes out(32);
  for (size_t i = 0; i < 32; i++) out[i] = uint8_t((scalar[i] | (i < 31 ? scalar[i + 1] << 8 : 0)) >> bits);
  return out;
}

TEST_P(Leftovers, X25519Prepared) {
  MEGASEAL_NEEDS_SLOT(x25519_prepared);
  Random random;
  for (uint32_t size = 0; size < x25519_prepared_sizes; ++size) {
    for (const size_t num : {1, 3, 64, 130}) {
      const std::vector<Bytes> points = {reference::x25519_public(random.bytes(32)),
                                         reference::x25519_public(random.bytes(32))};
      const PreparedTables tables = prepare(table(), size, points);
      const Bytes secrets = random.bytes(32 * num);
      Bytes out(32 * num);
      std::vector<X25519PreparedItem> items;
      std::vector<Bytes> needles;
      for (size_t i = 0; i < num; i++) {
        const size_t who = i < num / 2 ? 0 : i % 2;
        items.push_back({&secrets[32 * i], tables.tables[who].get(), &out[32 * i]});
        if (i != 0 && i != num / 2 && i != num - 1) continue;
        const Bytes secret(&secrets[32 * i], &secrets[32 * i] + 32);
        const Bytes scalar = clamped(secret);
        needles.insert(needles.end(), {secret, scalar, shifted(scalar, 3), shifted(scalar, 4),
                                       reference::x25519(secret, points[who])});
      }
      const X25519PreparedTile tile = {uint32_t(num), size, items.data()};
      expect_nothing_left(needles, [&] { table().x25519_prepared(&tile); });
      expect_nothing_in_registers(needles, table().x25519_prepared, tile);
    }
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
    const std::vector<Bytes> needles = {
        dh, psk, keys, nonces, exporters, as_words(keys), as_words(exporters)};
    expect_nothing_left(needles, [&] { table().hpke_schedule(&tile); });
    expect_nothing_in_registers(needles, table().hpke_schedule, tile);
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
