// The cache of recipients' tables by itself: what is found, what makes room for what, and that no reader ever has a table
// in hand that is another key's, half built, or written to.
#include "engine/prepared_cache.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "tests/support/bytes.hpp"

namespace megaseal::test {
namespace {

constexpr uint32_t table_bytes[3] = {128, 256, 640};
constexpr PreparedCache::Seed seed = {{1, 2, 3, 4, 5, 6}};
constexpr size_t chunk = 640;

/// Every key in one bucket, under one tag.
uint64_t colliding(const PreparedCache::Seed&, const uint8_t*) { return 0x0123456789abcdef; }

Bytes key_of(uint64_t number) {
  Bytes key(32);
  std::memcpy(key.data(), &number, sizeof number);
  key[31] = 1;
  return key;
}

struct Cache : PreparedCache {
  explicit Cache(size_t capacity, Hash hash_function = keyed_hash)
      : PreparedCache(table_bytes, capacity, seed, hash_function) {}
  using PreparedCache::hash;
  Claim claim_for(uint64_t number, uint32_t size, uint32_t worth = 100) {
    const Bytes key = key_of(number);
    return claim(key.data(), hash(key.data()), size, worth);
  }
  /// Builds, and leaves it unpinned. False where there is no place.
  bool build(uint64_t number, uint32_t size, uint32_t worth = 100) {
    const Claim claim = claim_for(number, size, worth);
    if (!claim.table) return false;
    std::memset(claim.table, int(number), table_bytes[size]);
    unpin(publish(claim));
    return true;
  }
  Pinned look(uint64_t number) {
    const Bytes key = key_of(number);
    return find(key.data(), hash(key.data()));
  }
  /// The size of a key's table; -1: none.
  int size_of(uint64_t number) {
    const Pinned pinned = look(number);
    if (!pinned.table) return -1;
    EXPECT_EQ(pinned.table[0], uint8_t(number));
    unpin(pinned);
    return int(pinned.size);
  }
  void see_number(uint64_t number, uint32_t times) {
    const Bytes key = key_of(number);
    see(hash(key.data()), times);
  }
  bool known_without(uint64_t number) { return has_no_table(key_of(number).data()); }
};

TEST(PreparedCache, FindsWhatWasBuiltAndNothingElse) {
  Cache cache(100 * chunk);
  ASSERT_TRUE(cache.on());
  EXPECT_EQ(cache.size_of(1), -1);
  for (uint32_t size = 0; size < 3; ++size) ASSERT_TRUE(cache.build(10 + size, size));
  for (uint32_t size = 0; size < 3; ++size) EXPECT_EQ(cache.size_of(10 + size), int(size));
  EXPECT_EQ(cache.size_of(1), -1);
  const PreparedCache::Counters counters = cache.counters();
  EXPECT_EQ(counters.builds, 3u);
  EXPECT_EQ(counters.num_tables, 3u);
  EXPECT_EQ(counters.used_bytes, 128u + 256 + 640);
  EXPECT_EQ(counters.capacity, 100 * chunk);
}

TEST(PreparedCache, TablesAreAlignedAndApart) {
  Cache cache(20 * chunk);
  std::vector<std::pair<const uint8_t*, uint32_t>> taken;
  for (uint64_t i = 0; i < 60; ++i) {
    const PreparedCache::Claim claim = cache.claim_for(i, uint32_t(i % 3));
    if (!claim.table) continue;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(claim.table) % 64, 0u);
    for (const auto& [table, bytes] : taken)
      EXPECT_TRUE(claim.table + table_bytes[claim.size] <= table || table + bytes <= claim.table);
    taken.emplace_back(claim.table, table_bytes[claim.size]);
  }
  EXPECT_GT(taken.size(), 20u);
}

TEST(PreparedCache, GivesTheLargestTableOfAKey) {
  Cache cache(100 * chunk);
  ASSERT_TRUE(cache.build(7, 0));
  ASSERT_TRUE(cache.build(7, 2));
  EXPECT_EQ(cache.size_of(7), 2);
  ASSERT_TRUE(cache.build(7, 1)) << "key and size together name a table";
  EXPECT_EQ(cache.size_of(7), 2);
  EXPECT_FALSE(cache.build(7, 1)) << "there is one";
}

TEST(PreparedCache, OneBuilderForAKey) {
  Cache cache(100 * chunk);
  const PreparedCache::Claim first = cache.claim_for(7, 0);
  ASSERT_TRUE(first.table);
  EXPECT_FALSE(cache.claim_for(7, 0).table);
  EXPECT_FALSE(cache.claim_for(7, 2).table);
  EXPECT_EQ(cache.look(7).table, nullptr) << "not while it is built";
  std::memset(first.table, 7, 128);
  cache.unpin(cache.publish(first));
  EXPECT_EQ(cache.size_of(7), 0);
}

TEST(PreparedCache, AnAbandonedPlaceKeepsNothingOfItsKey) {
  for (const auto hash : {PreparedCache::keyed_hash, colliding}) {
    Cache cache(chunk, hash);
    const PreparedCache::Claim claim = cache.claim_for(7, 2);
    ASSERT_TRUE(claim.table);
    cache.abandon(claim, false);
    EXPECT_EQ(cache.look(7).table, nullptr);
    EXPECT_FALSE(cache.known_without(7));
    // The one place goes to another key, and the first is not found in it; then back.
    ASSERT_TRUE(cache.build(8, 2));
    EXPECT_EQ(cache.size_of(7), -1);
    EXPECT_EQ(cache.size_of(8), 2);
  }
}

TEST(PreparedCache, RemembersKeysWithoutATable) {
  Cache cache(100 * chunk, colliding);
  cache.abandon(cache.claim_for(7, 0), true);
  EXPECT_TRUE(cache.known_without(7));
  EXPECT_FALSE(cache.known_without(8)) << "though the index has them in one place";
  EXPECT_EQ(cache.counters().without_table, 1u);
  EXPECT_EQ(cache.counters().num_tables, 0u);
}

TEST(PreparedCache, CollidingKeysAreToldApart) {
  Cache cache(100 * chunk, colliding);
  for (uint64_t i = 0; i < 16; ++i) ASSERT_TRUE(cache.build(i, 0));
  for (uint64_t i = 0; i < 16; ++i) EXPECT_EQ(cache.size_of(i), 0);
  for (uint64_t i = 16; i < 40; ++i) {
    EXPECT_FALSE(cache.build(i, 0)) << "their part of the index is full";
    EXPECT_EQ(cache.size_of(i), -1);
  }
}

TEST(PreparedCache, NeverHoldsMoreThanItsCapacity) {
  for (const size_t capacity : {chunk, 3 * chunk, 17 * chunk + 5}) {
    Cache cache(capacity);
    Random random;
    for (uint64_t i = 0; i < 3000; ++i) {
      cache.build(random.below(500), uint32_t(random.below(3)), uint32_t(random.below(400)));
      const PreparedCache::Counters c = cache.counters();
      ASSERT_LE(c.used_bytes, capacity);
      ASSERT_EQ(c.builds, c.num_tables + c.evictions);
    }
    EXPECT_GT(cache.counters().evictions, 0u);
    // What it says it holds is what can be found.
    uint64_t found = 0;
    for (uint64_t i = 0; i < 500; ++i) found += cache.size_of(i) >= 0;
    EXPECT_LE(found, cache.counters().num_tables);
    EXPECT_GT(found, 0u);
  }
}

TEST(PreparedCache, ThoseWhoComeOftenStay) {
  Cache cache(10 * chunk);
  for (uint64_t i = 0; i < 10; ++i) {
    cache.see_number(i, 100);
    ASSERT_TRUE(cache.build(i, 2));
  }
  // A long tail of recipients of whom each comes a few times.
  for (uint64_t i = 1000; i < 3000; ++i) {
    cache.see_number(i, 5);
    cache.build(i, uint32_t(i % 3), 5);
  }
  for (uint64_t i = 0; i < 10; ++i) EXPECT_EQ(cache.size_of(i), 2);
  EXPECT_EQ(cache.counters().evictions, 0u);
}

TEST(PreparedCache, ThoseWhoNoLongerComeMakeRoom) {
  Cache cache(10 * chunk);
  for (uint64_t i = 0; i < 10; ++i) {
    cache.see_number(i, 100);
    ASSERT_TRUE(cache.build(i, 2));
  }
  for (int day = 0; day < 12; ++day) cache.tally(0, 1 << 20);  // long after
  size_t built = 0;
  for (uint64_t i = 100; i < 110; ++i)
    for (int tries = 0; tries < 3; ++tries) {
      cache.see_number(i, 20);
      built += cache.build(i, 2, 20);
    }
  EXPECT_EQ(built, 10u);
  EXPECT_EQ(cache.counters().evictions, 10u);
}

TEST(PreparedCache, WhatTheCallerAsksForComesFirst) {
  Cache cache(10 * chunk);
  for (uint64_t i = 0; i < 10; ++i) {
    cache.see_number(i, 255);
    ASSERT_TRUE(cache.build(i, 2));
  }
  for (uint64_t i = 100; i < 110; ++i) {
    cache.see_number(i, 255);
    EXPECT_TRUE(cache.build(i, 2, PreparedCache::asked_for));
  }
  for (uint64_t i = 200; i < 210; ++i) {
    cache.see_number(i, 255);
    EXPECT_FALSE(cache.build(i, 2, PreparedCache::asked_for))
        << "but not at the cost of what was asked for before";
    EXPECT_FALSE(cache.build(i, 2, 255));
  }
  for (uint64_t i = 100; i < 110; ++i) EXPECT_EQ(cache.size_of(i), 2);
}

TEST(PreparedCache, ATableInUseIsNotEvicted) {
  Cache cache(chunk);
  ASSERT_TRUE(cache.build(1, 2));
  const PreparedCache::Pinned pinned = cache.look(1);
  ASSERT_TRUE(pinned.table);
  for (uint64_t i = 2; i < 50; ++i) EXPECT_FALSE(cache.build(i, uint32_t(i % 3), PreparedCache::asked_for));
  EXPECT_EQ(Bytes(pinned.table, pinned.table + 640), Bytes(640, 1));
  cache.unpin(pinned);
  EXPECT_TRUE(cache.build(2, 2, PreparedCache::asked_for));
  EXPECT_EQ(cache.size_of(1), -1);
}

TEST(PreparedCache, ASupersededTableMakesRoomFirst) {
  Cache cache(2 * chunk);  // five small, or one large
  for (uint64_t i = 0; i < 5; ++i) {
    cache.see_number(i, 200);
    ASSERT_TRUE(cache.build(i, 0));
  }
  ASSERT_TRUE(cache.build(0, 2));
  cache.see_number(9, 10);
  EXPECT_TRUE(cache.build(9, 0, 10)) << "in the place of the small one of 0";
  for (uint64_t i = 1; i < 5; ++i) EXPECT_EQ(cache.size_of(i), 0);
  EXPECT_EQ(cache.size_of(0), 2);
}

TEST(PreparedCache, WithoutMemoryItIsOff) {
  for (const size_t capacity : {size_t(0), chunk - 1, size_t(1) << 56}) EXPECT_FALSE(Cache(capacity).on());
}

TEST(PreparedCache, SightingsAddUpAndFade) {
  Cache cache(100 * chunk);
  const Bytes key = key_of(3);
  const uint64_t hash = cache.hash(key.data());
  EXPECT_EQ(cache.see(hash, 1), 1u);
  EXPECT_EQ(cache.see(hash, 4), 5u);
  EXPECT_EQ(cache.see(hash, 1000), PreparedCache::most_seen);
  cache.tally(1 << 20, 0);
  EXPECT_EQ(cache.see(hash, 0), PreparedCache::most_seen / 2);
}

TEST(PreparedCache, OfAMessageAloneItTellsWhoIsNew) {
  Cache cache(100 * chunk);
  const auto is_new = [&](uint64_t number) { return cache.is_new(cache.hash(key_of(number).data())); };
  const auto times_seen = [&](uint64_t number) { return cache.see(cache.hash(key_of(number).data()), 0); };
  EXPECT_TRUE(is_new(7));
  EXPECT_EQ(times_seen(7), 0u) << "it reads the directory alone";
  EXPECT_FALSE(is_new(7));
  EXPECT_EQ(times_seen(7), 1u) << "the first time counts when the second comes";
  EXPECT_FALSE(is_new(7));
  EXPECT_EQ(times_seen(7), 1u) << "others count from there on";
  EXPECT_EQ(cache.counters().misses, 1u);

  // A table is never overlooked, whatever comes to its bucket and goes.
  ASSERT_TRUE(cache.build(8, 0));
  EXPECT_FALSE(is_new(8));
  EXPECT_FALSE(is_new(8));
  EXPECT_EQ(times_seen(8), 0u);
}

TEST(PreparedCache, TheDirectoryKnowsEveryTableAndForgetsThoseThatAreGone) {
  Cache cache(60 * chunk);
  Random random;
  const auto is_new = [&](uint64_t number) { return cache.is_new(cache.hash(key_of(number).data())); };
  for (uint64_t i = 0; i < 5000; ++i) {
    cache.build(i, uint32_t(random.below(3)), uint32_t(100 + i));
    if (i % 7 == 0) cache.abandon(cache.claim_for(1'000'000 + i, 0, PreparedCache::asked_for), false);
    if (i % 100 != 0) continue;
    for (uint64_t k = 0; k <= i; ++k) {
      if (cache.size_of(k) < 0) continue;
      ASSERT_FALSE(is_new(k)) << k;
    }
  }
  EXPECT_GT(cache.counters().evictions, 1000u);
  // Of strangers hardly any looks like one who has a table, though thousands have come and gone.
  size_t strangers = 0;
  for (uint64_t k = 2'000'000; k < 2'001'000; ++k) strangers += is_new(k);
  EXPECT_GT(strangers, 950u);
}

TEST(PreparedCache, MoreWhoKeepComingAloneThanTheDirectoryHoldsHaveTheirTurns) {
  Cache cache(100 * chunk);
  constexpr uint64_t num = 2000;  // 1,024 find room
  Random random;
  std::vector<Bytes> keys(num);
  for (Bytes& key : keys) key = random.bytes(32);
  std::vector<bool> found(num);
  for (int round = 0; round < 40; ++round)
    for (uint64_t k = 0; k < num; ++k)
      if (!cache.is_new(cache.hash(keys[k].data()))) found[k] = true;
  EXPECT_GT(std::count(found.begin(), found.end(), true), std::ptrdiff_t(num * 80 / 100));
}

TEST(PreparedCache, TwoWithOneHashAreBothLookedUp) {
  Cache cache(100 * chunk, colliding);
  ASSERT_TRUE(cache.build(1, 0));
  EXPECT_FALSE(cache.is_new(cache.hash(key_of(2).data())));
  EXPECT_EQ(cache.size_of(2), -1) << "only the key itself decides";
  EXPECT_EQ(cache.size_of(1), 0);
}

// Readers of every kind of key, builders, and evictions, all at once in a cache that is far too small. A table is filled
// with a number drawn from its key, in two halves, so that a wrong key, an early reader and a late writer all show.
void everything_at_once(PreparedCache::Hash hash, uint64_t num_keys, size_t capacity) {
  Cache cache(capacity, hash);
  std::atomic<uint64_t> wrong = 0, hits = 0, builds = 0;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Random random(t + 1);
      for (int round = 0; round < 20000; ++round) {
        const uint64_t number = random.below(num_keys);
        const Bytes key = key_of(number);
        const uint64_t h = cache.hash(key.data());
        const auto filling = [&](uint32_t size) { return uint8_t(number * 3 + size + 1); };
        const auto check = [&](const PreparedCache::Pinned& pinned) {
          for (uint32_t i = 0; i < table_bytes[pinned.size]; ++i)
            wrong += pinned.table[i] != filling(pinned.size);
        };
        if (const auto pinned = cache.find(key.data(), h); pinned.table) {
          check(pinned);
          if (round % 64 == 0) std::this_thread::yield();
          check(pinned);
          cache.unpin(pinned);
          ++hits;
        }
        if (random.below(3) != 0) continue;
        const auto size = uint32_t(random.below(3));
        const auto claim =
            cache.claim(key.data(), h, size, PreparedCache::asked_for - uint32_t(random.below(2)));
        if (!claim.table) continue;
        std::memset(claim.table, filling(size), table_bytes[size] / 2);
        if (round % 16 == 0) std::this_thread::yield();
        if (random.below(8) == 0) {
          cache.abandon(claim, false);
          continue;
        }
        std::memset(claim.table + table_bytes[size] / 2, filling(size), table_bytes[size] / 2);
        const auto pinned = cache.publish(claim);
        ++builds;
        check(pinned);
        cache.unpin(pinned);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(hits, 1000u);
  EXPECT_GT(builds, 1000u);
  const PreparedCache::Counters c = cache.counters();
  EXPECT_EQ(c.builds, builds);
  EXPECT_EQ(c.builds, c.num_tables + c.evictions);
  EXPECT_GT(c.evictions, 100u);
  EXPECT_LE(c.used_bytes, capacity);
}

TEST(PreparedCacheThreads, EverythingAtOnce) {
  everything_at_once(PreparedCache::keyed_hash, 60, 12 * chunk);
}

TEST(PreparedCacheThreads, EverythingAtOnceInOneBucket) { everything_at_once(colliding, 12, 4 * chunk); }

TEST(PreparedCacheFork, TheChildTakesBackWhatThreadsHeld) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  Cache cache(2 * chunk);
  ASSERT_TRUE(cache.build(1, 2));
  const PreparedCache::Pinned pinned = cache.look(1);        // as by a thread that the child does not have
  const PreparedCache::Claim claim = cache.claim_for(2, 2);  // likewise
  ASSERT_TRUE(pinned.table && claim.table);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const bool ok = cache.size_of(1) == 2 && cache.size_of(2) == -1 && cache.build(2, 2) &&
                    cache.build(3, 2, PreparedCache::asked_for) && cache.size_of(3) == 2;
    _exit(ok ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  std::memset(claim.table, 2, 640);
  cache.unpin(cache.publish(claim));
  cache.unpin(pinned);
  EXPECT_EQ(cache.size_of(2), 2) << "and the parent goes on";
}

}  // namespace
}  // namespace megaseal::test
