// The long tier: RFC 7748's million iterations, and many more random cases than the short tier takes.
#include <sodium.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

#include "tests/support/backends.hpp"
#include "tests/support/prepared.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/schemes.hpp"
#include "tests/support/slots.hpp"
#include "tests/support/stand_in.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::test {
namespace {

bool wanted() { return std::getenv("MEGASEAL_TEST_LONG") != nullptr; }
#define MEGASEAL_LONG \
  if (!wanted()) GTEST_SKIP() << "the long tier runs with MEGASEAL_TEST_LONG=1"

class Long : public BackendTest {};

TEST_P(Long, X25519IteratedAMillionTimes) {
  MEGASEAL_LONG;
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  if (table().name == stand_in_name) GTEST_SKIP() << "twenty minutes where a device's program runs on the host";
  bool found = false;
  for (const Vector& v : load_vectors("x25519_iterated.json")) {
    if (v.number("iterations") != 1000000) continue;
    found = true;
    // Two side by side: an item alone may be left to the portable backend.
    Bytes k(64, 0), u(64, 0);
    k[0] = k[32] = u[0] = u[32] = 9;
    for (uint64_t i = 0; i < v.number("iterations"); ++i) {
      Bytes next(64), status(2);
      const X25519Tile tile = {2, {k.data(), 32}, {u.data(), 32}, next.data(), status.data()};
      table().x25519_shared(&tile);
      u = std::exchange(k, std::move(next));
    }
    EXPECT_EQ(to_hex(k), v.text("result") + v.text("result"));
  }
  EXPECT_TRUE(found);
}

TEST_P(Long, AeadOfManyMegabytes) {
  MEGASEAL_LONG;
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  Random random;
  for (const size_t len : {size_t(1) << 20, (size_t(64) << 20) + 17}) {
    const AeadInput input = {random.bytes(32), random.bytes(12), random.bytes(100), random.bytes(len)};
    const AeadResult sealed = seal_tile(table().chacha20poly1305_seal, {input})[0];
    Bytes expected = reference::chacha20poly1305(input.key, input.nonce, input.aad, input.in);
    EXPECT_TRUE(std::equal(sealed.out.begin(), sealed.out.end(), expected.begin()));
    EXPECT_TRUE(std::equal(sealed.tag.begin(), sealed.tag.end(), expected.end() - 16));
  }
}

// Beyond 2^32 bytes, where a length kept in 32 bits shows; the RFC's own limit, 2^38, is more memory than a test may
// take. In place: sealed here, opened by libsodium, and the reverse.
TEST_P(Long, AeadOfMoreThanFourGigabytes) {
  MEGASEAL_LONG;
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  const size_t len = (size_t(1) << 32) + 77;
  void* const map = mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) GTEST_SKIP() << "no room for 4 GiB";
  const std::unique_ptr<void, std::function<void(void*)>> unmap(map, [&](void* p) { munmap(p, len); });
  auto* const text = static_cast<uint8_t*>(map);
  Random random;
  const Bytes key = random.bytes(32), nonce = random.bytes(12), aad = random.bytes(5);
  Bytes tag(16), status(1);
  const auto is_zero = [&] {
    for (size_t i = 0; i < len; i += 4096)
      if (!all_zero({text + i, std::min<size_t>(4096, len - i)})) return false;
    return true;
  };
  const AeadItem item = {key.data(), nonce.data(), aad.data(), aad.size(), text, text, len, tag.data()};
  const AeadTile tile = {1, &item, status.data()};
  table().chacha20poly1305_seal(&tile);
  ASSERT_EQ(crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                text, nullptr, text, len, tag.data(), aad.data(), aad.size(), nonce.data(), key.data()),
            0);
  ASSERT_TRUE(is_zero());
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(text, tag.data(), nullptr, text, len, aad.data(),
                                                     aad.size(), nullptr, nonce.data(), key.data());
  table().chacha20poly1305_open(&tile);
  ASSERT_EQ(status[0], 0);
  ASSERT_TRUE(is_zero());
}

MEGASEAL_ON_EVERY_BACKEND(Long);

// libsodium takes most of the time of a random case, so one answer of it serves every backend.
class LongX25519 : public ::testing::Test {
 protected:
  struct Backend {
    const char* name;
    const KernelTable& table;
  };
  /// The backends that run here and offer `slot`; the tests of each backend by name say which do not.
  template <class Slot>
  static std::vector<Backend> offering(Slot KernelTable::*slot) {
    std::vector<Backend> out;
    for (const BackendRow& row : backend_rows())
      if (row.table && runs_here(row) && row.table->*slot) out.push_back({row.name, *row.table});
    return out;
  }

  /// compare(random, n) has n cases of its own compared, 10^7 in all, on all cores.
  template <class Compare>
  static void on_all_cores(const Compare& compare) {
    constexpr size_t num_cases = 10'000'000, num_in_tile = 64;
    const size_t num_threads = std::max(std::thread::hardware_concurrency(), 1u);
    const uint64_t seed = Random().next();
    std::atomic<size_t> tiles{0};
    std::vector<std::thread> threads;
    for (size_t t = 0; t < num_threads; ++t)
      threads.emplace_back([&, t] {
        Random random(seed + t);
        while (tiles.fetch_add(1) < num_cases / num_in_tile && !HasFailure()) compare(random, num_in_tile);
      });
    for (std::thread& thread : threads) thread.join();
  }

  static std::vector<Bytes> keys(Random& random, size_t num) {
    std::vector<Bytes> out;
    for (size_t i = 0; i < num; ++i) out.push_back(random.bytes(32));
    return out;
  }
};

TEST_F(LongX25519, RandomAgainstLibsodium) {
  MEGASEAL_LONG;
  const std::vector<Backend> backends = offering(&KernelTable::x25519_shared);
  ASSERT_FALSE(backends.empty());
  on_all_cores([&](Random& random, size_t num) {
    const std::vector<Bytes> secrets = keys(random, num), points = keys(random, num);
    std::vector<Bytes> expected;
    for (size_t i = 0; i < num; ++i) expected.push_back(reference::x25519(secrets[i], points[i]));
    for (const Backend& backend : backends) {
      const X25519Result result = run_x25519(backend.table.x25519_shared, secrets, points, num);
      for (size_t i = 0; i < num; ++i)
        EXPECT_EQ(result.out[i], expected[i])
            << backend.name << ", secret " << to_hex(secrets[i]) << ", point " << to_hex(points[i]);
    }
  });
}

TEST_F(LongX25519, RandomPublicKeysAgainstLibsodium) {
  MEGASEAL_LONG;
  const std::vector<Backend> backends = offering(&KernelTable::x25519_public);
  ASSERT_FALSE(backends.empty());
  on_all_cores([&](Random& random, size_t num) {
    const std::vector<Bytes> secrets = keys(random, num);
    std::vector<Bytes> expected;
    for (const Bytes& secret : secrets) expected.push_back(reference::x25519_public(secret));
    for (const Backend& backend : backends) {
      const X25519Result result = run_x25519(backend.table.x25519_public, secrets, {}, num);
      for (size_t i = 0; i < num; ++i)
        EXPECT_EQ(result.out[i], expected[i]) << backend.name << ", secret " << to_hex(secrets[i]);
    }
  });
}

// Half of the random points are on the twist, and have no table. As a table takes longer to build than to use once, a
// few points serve a tile, whose items take them in turn or in runs.
TEST_F(LongX25519, PreparedRandomAgainstLibsodium) {
  MEGASEAL_LONG;
  const std::vector<Backend> backends = offering(&KernelTable::x25519_prepared);
  ASSERT_FALSE(backends.empty());
  on_all_cores([&](Random& random, size_t num) {
    const std::vector<Bytes> secrets = keys(random, num), points = keys(random, 1 + random.below(12));
    const auto size = uint32_t(random.below(x25519_prepared_sizes));
    const bool in_turn = random.below(2) == 0;
    std::vector<Bytes> expected;
    std::vector<size_t> who;
    Bytes has_table;
    for (const Backend& backend : backends) {
      const PreparedTables tables = prepare(backend.table, size, points);
      if (who.empty()) {
        has_table = tables.has_table;
        std::vector<size_t> good;
        for (size_t p = 0; p < points.size(); ++p)
          if (has_table[p]) good.push_back(p);
        if (good.empty()) return;
        for (size_t i = 0; i < num; ++i) {
          who.push_back(good[in_turn ? i % good.size() : i * good.size() / num]);
          expected.push_back(reference::x25519(secrets[i], points[who[i]]));
        }
      }
      ASSERT_EQ(tables.has_table, has_table) << backend.name;
      const std::vector<Bytes> out = shared_prepared(backend.table, tables, secrets, who);
      for (size_t i = 0; i < num; ++i)
        EXPECT_EQ(out[i], expected[i]) << backend.name << ", size " << size << ", secret "
                                       << to_hex(secrets[i]) << ", point " << to_hex(points[who[i]]);
    }
  });
}

class LongBatches : public SchemeTest {};

TEST_P(LongBatches, OfRandomSizesGoThereAndBack) {
  MEGASEAL_LONG;
  Random random;
  const Engine engine = make_engine("", 2);
  for (int round = 0; round < 200; ++round) {
    const std::vector<size_t> items = first_items(1 + random.below(2000));
    const Layout layout = all_layouts[random.below(5)];
    const Results sealed = scheme().seal(engine.get(), layout, items);
    ASSERT_TRUE(sealed.ok());
    const Results opened = scheme().open(engine.get(), layout, items, sealed.out);
    ASSERT_TRUE(opened.ok());
    ASSERT_EQ(opened.out, scheme().plaintexts(items).in);
  }
}

MEGASEAL_ON_EVERY_SCHEME(LongBatches);

}  // namespace
}  // namespace megaseal::test
