// Which recipients an engine keeps tables of, through the C ABI: those whom the caller names, those who keep coming, and
// as many as there is memory for.
#include <atomic>
#include <numeric>
#include <thread>

#include "tests/cross/with_tables.hpp"

namespace megaseal::test {
namespace {

class TablesKept : public WithTables {};

TEST_P(TablesKept, PreparedByTheCaller) {
  for (const megaseal_prepared_size size :
       {MEGASEAL_PREPARED_AUTO, MEGASEAL_PREPARED_SMALL, MEGASEAL_PREPARED_MEDIUM, MEGASEAL_PREPARED_LARGE}) {
    const Engine engine = with_tables();
    std::vector<size_t> all(world().keys.size());
    std::iota(all.begin(), all.end(), size_t(0));
    const Bytes keys = raw_keys(all);
    size_t prepared = 0;
    ASSERT_EQ(megaseal_prepare_recipients(engine.get(), &prepared, all.size(), keys.data(), 32, size),
              MEGASEAL_ERROR_NONE);
    size_t have_one = World::num_honest;  // and those of the small points that are on the curve
    for (const Bytes& point : small_points()) have_one += on_curve(point.data());
    EXPECT_EQ(prepared, have_one);
    const megaseal_prepared_info info = info_of(engine);
    EXPECT_EQ(info.num_tables, have_one);
    const uint64_t each = info.table_bytes[size == MEGASEAL_PREPARED_AUTO && GetParam() != "fake" ? 0
                                           : size == MEGASEAL_PREPARED_AUTO                       ? 2
                                                                                                  : size - 1];
    EXPECT_EQ(info.used_bytes, have_one * each);
    // Again: nothing is left to do.
    ASSERT_EQ(megaseal_prepare_recipients(engine.get(), &prepared, all.size(), keys.data(), 32, size),
              MEGASEAL_ERROR_NONE);
    EXPECT_EQ(prepared, have_one);
    EXPECT_EQ(info_of(engine).num_builds, info.num_builds);
    EXPECT_EQ(info_of(engine).num_without_table, info.num_without_table);

    const Engine ladder = without_tables();
    for (const Pattern& pattern : patterns) {
      const Batch batch(random_, pattern.recipients(random_, 600));
      expect_same(batch.hpke(engine), batch.hpke(ladder));
    }
    if (size != MEGASEAL_PREPARED_AUTO) {
      EXPECT_EQ(info_of(engine).used_bytes, have_one * each) << "they keep their size";
    }
    EXPECT_GT(info_of(engine).num_hits, 2000u);
  }
}

TEST_P(TablesKept, PreparingCountsWhatFits) {
  const uint64_t large = info_of(with_tables()).table_bytes[2];
  const Engine engine = with_tables(size_t(10 * large));
  const Bytes keys = raw_keys(in_turn<300>(random_, 300));
  size_t prepared = 0;
  ASSERT_EQ(
      megaseal_prepare_recipients(engine.get(), &prepared, 300, keys.data(), 32, MEGASEAL_PREPARED_LARGE),
      MEGASEAL_ERROR_NONE);
  EXPECT_EQ(prepared, 10u);
  const Batch batch(random_, in_turn<300>(random_, 900));
  expect_same(batch.hpke(engine), batch.hpke(without_tables()));
  // Twice the same key is one table, and counts twice.
  Bytes twice = world().keys[0];
  twice.insert(twice.end(), world().keys[0].begin(), world().keys[0].end());
  const Engine other = with_tables();
  ASSERT_EQ(megaseal_prepare_recipients(other.get(), &prepared, 2, twice.data(), 32, MEGASEAL_PREPARED_SMALL),
            MEGASEAL_ERROR_NONE);
  EXPECT_EQ(prepared, 2u);
  EXPECT_EQ(info_of(other).num_tables, 1u);
}

TEST_P(TablesKept, TablesAreLetGoAfterEveryCall) {
  // A cache full of tables made by the way; then the caller asks for others, and every place can be had.
  const uint64_t bytes = info_of(with_tables()).table_bytes[2];
  const Engine engine = with_tables(size_t(10 * bytes), 2);
  for (int round = 0; round < 3; ++round) {
    const Batch batch(random_, in_turn<80>(random_, 640));
    ASSERT_TRUE(batch.hpke(engine).ok());
    Bytes out(32 * 640);
    ASSERT_EQ(megaseal_x25519_batch(engine.get(), out.data(), nullptr, nullptr, 640, batch.ephemerals.data(),
                                    32, batch.keys.data(), 32),
              MEGASEAL_ERROR_NONE);
  }
  EXPECT_GT(info_of(engine).used_bytes, 7 * bytes);
  std::vector<size_t> others(10);
  std::iota(others.begin(), others.end(), size_t(100));
  size_t prepared = 0;
  ASSERT_EQ(megaseal_prepare_recipients(engine.get(), &prepared, 10, raw_keys(others).data(), 32,
                                        MEGASEAL_PREPARED_LARGE),
            MEGASEAL_ERROR_NONE);
  EXPECT_EQ(prepared, 10u);
  // Those too, when nobody has come for them for long.
  const size_t strangers = 3000;
  const Bytes secret = random_.bytes(32);
  for (int day = 0; day < 4; ++day) {
    const Bytes points = random_.bytes(32 * strangers);
    Bytes out(32 * strangers);
    ASSERT_EQ(megaseal_x25519_batch(engine.get(), out.data(), nullptr, nullptr, strangers, secret.data(), 0,
                                    points.data(), 32),
              MEGASEAL_ERROR_NONE);
  }
  for (size_t& r : others) r += 50;
  ASSERT_EQ(megaseal_prepare_recipients(engine.get(), &prepared, 10, raw_keys(others).data(), 32,
                                        MEGASEAL_PREPARED_LARGE),
            MEGASEAL_ERROR_NONE);
  EXPECT_EQ(prepared, 10u);
}

TEST_P(TablesKept, ThoseWhoComeOnceAreNotPreparedFor) {
  const Engine engine = with_tables();
  for (int round = 0; round < 4; ++round) {
    const size_t num = 1000;
    Bytes secrets = random_.bytes(32 * num), points(32 * num), out(32 * num);
    ASSERT_EQ(megaseal_x25519_public_batch(engine.get(), points.data(), num, secrets.data(), 32),
              MEGASEAL_ERROR_NONE);
    ASSERT_EQ(megaseal_x25519_batch(engine.get(), out.data(), nullptr, nullptr, num, secrets.data(), 32,
                                    points.data(), 32),
              MEGASEAL_ERROR_NONE);
  }
  // The counts of sightings are estimates: now and then one looks like several.
  EXPECT_LE(info_of(engine).num_builds, 40u);
  EXPECT_GE(info_of(engine).num_misses, 3960u);
}

TEST_P(TablesKept, ThoseWhoKeepComingOneByOneAre) {
  const Engine engine = with_tables();
  const size_t each = 60;
  for (size_t round = 0; round < each; ++round) {
    const Batch batch(random_, in_turn<100>(random_, 100));
    ASSERT_TRUE(batch.hpke(engine).ok());
  }
  EXPECT_GE(info_of(engine).num_tables, 100u);
}

TEST_P(TablesKept, ManyThreadsOnOneSmallCache) {
  const Engine engine = with_tables(size_t(20 * info_of(with_tables()).table_bytes[2]), 2),
               ladder = without_tables();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Random random(t + 77);
      for (int round = 0; round < 12; ++round) {
        const Pattern& pattern = patterns[random.below(std::size(patterns))];
        const Batch batch(random, pattern.recipients(random, 1 + random.below(600)));
        const Results by_table = batch.hpke(engine), by_ladder = batch.hpke(ladder);
        wrong += by_table.out != by_ladder.out || by_table.statuses != by_ladder.statuses;
        if (round % 4 == 0) {
          size_t prepared = 0;
          wrong +=
              megaseal_prepare_recipients(engine.get(), &prepared, batch.recipients.size(), batch.keys.data(),
                                          32, megaseal_prepared_size(random.below(4))) != MEGASEAL_ERROR_NONE;
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(info_of(engine).num_hits, 0u);
}

TEST_P(TablesKept, WithoutMemoryTheLadderServes) {
  const Batch batch(random_, skewed(random_, 400));
  for (const size_t bytes : {size_t(1), size_t(1) << 60, MEGASEAL_PREPARED_CACHE_OFF}) {
    const Engine engine = with_tables(bytes);
    EXPECT_EQ(info_of(engine).capacity_bytes, 0u);
    EXPECT_GT(info_of(engine).table_bytes[0], 0u);
    for (int round = 0; round < 2; ++round) expect_same(batch.hpke(engine), batch.hpke(without_tables()));
    size_t prepared = 9;
    EXPECT_EQ(megaseal_prepare_recipients(engine.get(), &prepared, 3, batch.keys.data(), 32,
                                          MEGASEAL_PREPARED_AUTO),
              MEGASEAL_ERROR_NONE);
    EXPECT_EQ(prepared, 0u);
    EXPECT_EQ(info_of(engine).num_hits + info_of(engine).num_misses + info_of(engine).num_builds, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, TablesKept, ::testing::ValuesIn(backends_with_tables()),
                         [](const auto& backend) { return backend.param; });

TEST(PreparedArguments, AreChecked) {
  const Engine engine = make_engine();
  const Bytes keys = world().keys[0];
  size_t prepared = 7;
  const auto prepare = [&](megaseal_engine* e, size_t num, const uint8_t* k, size_t stride, int size) {
    return megaseal_prepare_recipients(e, &prepared, num, k, stride, megaseal_prepared_size(size));
  };
  EXPECT_EQ(prepare(nullptr, 1, keys.data(), 32, 0), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(prepared, 0u);
  EXPECT_EQ(prepare(engine.get(), 1, nullptr, 32, 0), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(prepare(engine.get(), 1, keys.data(), 31, 0), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(prepare(engine.get(), 1, keys.data(), 0, 0), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(prepare(engine.get(), SIZE_MAX, keys.data(), 32, 0), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(prepare(engine.get(), 1, keys.data(), 32, 4), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(prepare(engine.get(), 1, keys.data(), 32, -1), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(prepare(engine.get(), 0, nullptr, 32, 0), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(megaseal_prepare_recipients(engine.get(), nullptr, 1, keys.data(), 32, MEGASEAL_PREPARED_AUTO),
            MEGASEAL_ERROR_NONE);
  megaseal_prepared_info info = {};
  EXPECT_EQ(megaseal_engine_prepared_info(engine.get(), &info), MEGASEAL_ERROR_ARGUMENT)
      << "struct_size is 0";
  info.struct_size = sizeof info;
  EXPECT_EQ(megaseal_engine_prepared_info(nullptr, &info), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_engine_prepared_info(engine.get(), nullptr), MEGASEAL_ERROR_ARGUMENT);
}

TEST(PreparedArguments, OptionsOfOlderCallersMeanTheDefault) {
  // As it was once: without the cache's size.
  struct {
    size_t struct_size;
    const char* backend;
    uint32_t num_threads;
  } old = {sizeof old, nullptr, 1};
  megaseal_engine* engine = nullptr;
  ASSERT_EQ(megaseal_engine_create(&engine, reinterpret_cast<const megaseal_engine_options*>(&old)),
            MEGASEAL_ERROR_NONE);
  const Engine owner(engine), same = make_engine("", 1);
  EXPECT_EQ(info_of(owner).capacity_bytes, info_of(same).capacity_bytes);
  old.struct_size--;
  EXPECT_EQ(megaseal_engine_create(&engine, reinterpret_cast<const megaseal_engine_options*>(&old)),
            MEGASEAL_ERROR_ARGUMENT);
}

}  // namespace
}  // namespace megaseal::test
