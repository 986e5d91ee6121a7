// Sealing by tables through the C ABI: byte for byte what the ladder gives, whoever the recipients are, in whatever order
// they come. On every backend that has tables, and on one whose tables are made up, which notices a wrong one.
#include <sodium.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <thread>

#include "tests/support/backends.hpp"
#include "tests/support/batch.hpp"
#include "tests/support/fake_tables.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/points.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

const KernelTable fake_table = FakeTables::table();
const BackendRow fake_rows[] = {{"scalar", &fake_table, ""}};

Engine engine_with(const std::string& backend, size_t cache_bytes, uint32_t num_threads = 1) {
  megaseal_engine_options options = {};
  options.struct_size = sizeof options;
  options.num_threads = num_threads;
  options.prepared_cache_bytes = cache_bytes;
  megaseal_engine* engine = nullptr;
  if (backend == "fake") {
    throw_on(testing::engine_create(&engine, &options, fake_rows), "engine_create");
  } else {
    options.backend = backend.c_str();
    throw_on(megaseal_engine_create(&engine, &options), "megaseal_engine_create");
  }
  return Engine(engine);
}

megaseal_prepared_info info_of(const Engine& engine) { return prepared_info(engine.get()); }

/// "fake", and the backends that have tables here.
std::vector<std::string> backends_with_tables() {
  std::vector<std::string> out = {"fake"};
  for (const std::string& name : available_backends()) {
    const Engine engine = make_engine(name, 1);
    if (backend_name(engine.get(), MEGASEAL_OP_X25519_PREPARED) == name) out.push_back(name);
  }
  return out;
}

/// Recipients by number: honest keys first, whose secrets are known, then keys on the twist, of low order, and
/// non-canonical ones.
struct World {
  static constexpr size_t num_honest = 300;
  World() {
    Random random;
    for (size_t i = 0; i < num_honest; ++i) {
      secrets.push_back(random.bytes(32));
      keys.push_back(reference::x25519_public(secrets.back()));
    }
    for (const Bytes& key : small_points()) keys.push_back(key);
    for (const Bytes& key : low_order_all()) keys.push_back(key);
    for (const Bytes& key : noncanonical_good()) keys.push_back(key);
  }
  std::vector<Bytes> secrets, keys;
};
const World& world() {
  static const World all;
  return all;
}

/// Who the items of a batch go to.
struct Pattern {
  const char* name;
  std::vector<size_t> (*recipients)(Random&, size_t num);
};
std::vector<size_t> one(Random&, size_t num) { return std::vector<size_t>(num, 3); }
template <size_t Count>
std::vector<size_t> in_turn(Random&, size_t num) {
  std::vector<size_t> out(num);
  for (size_t i = 0; i < num; ++i) out[i] = i % Count;
  return out;
}
std::vector<size_t> in_runs(Random&, size_t num) {
  std::vector<size_t> out(num);
  for (size_t i = 0; i < num; ++i) out[i] = i / 9 % 50;
  return out;
}
std::vector<size_t> each_its_own(Random& random, size_t num) {
  std::vector<size_t> out(num);
  for (size_t& r : out) r = random.below(World::num_honest);
  return out;
}
/// A few that come often, many that come seldom, and all kinds of keys.
std::vector<size_t> skewed(Random& random, size_t num) {
  std::vector<size_t> out(num);
  for (size_t& r : out) {
    const uint64_t bound = uint64_t(1) << (2 + random.below(8));
    r = random.below(bound) % world().keys.size();
    if (random.below(4) == 0) r = World::num_honest + random.below(world().keys.size() - World::num_honest);
  }
  return out;
}
std::vector<size_t> hostile(Random& random, size_t num) {
  std::vector<size_t> out(num);
  for (size_t& r : out) r = World::num_honest + random.below(world().keys.size() - World::num_honest);
  return out;
}
constexpr Pattern patterns[] = {
    {"one", one},         {"2 in turn", in_turn<2>},     {"32 in turn", in_turn<32>},
    {"in runs", in_runs}, {"300 in turn", in_turn<300>}, {"each its own", each_its_own},
    {"skewed", skewed},   {"hostile", hostile}};

Bytes raw_keys(const std::vector<size_t>& recipients) {
  Bytes out;
  for (const size_t r : recipients) out.insert(out.end(), world().keys[r].begin(), world().keys[r].end());
  return out;
}

struct Batch {
  Batch(Random& random, const std::vector<size_t>& to) : recipients(to), keys(raw_keys(to)) {
    for (size_t i = 0; i < to.size(); ++i) {
      messages.in.push_back(random.bytes(random.below(90)));
      messages.aad.push_back({});
    }
    ephemerals = random.bytes(32 * to.size());
  }
  std::vector<size_t> recipients;
  Bytes keys, ephemerals;
  Messages messages;

  Results hpke(const Engine& engine, Layout layout = Layout::packed, Bytes* exports = nullptr) const {
    megaseal_hpke_params params = hpke_params();
    if (exports) {
      params.export_len = 40;
      exports->assign(40 * recipients.size(), 0xee);
    }
    const megaseal_recipients to = to_raw(keys, 32);
    return seal(layout, shape_of(MEGASEAL_FORMAT_HPKE), messages,
                [&](size_t* failed, const megaseal_batch* batch) {
                  return testing::hpke_seal_batch(engine.get(), failed, exports ? exports->data() : nullptr,
                                                  batch, &params, &to, ephemerals.data());
                });
  }
  Results box(const Engine& engine, megaseal_format format) const {
    const Messages plain = {messages.in, {}};
    const megaseal_recipients to = to_raw(keys, 32);
    return seal(Layout::pointers, shape_of(format), plain, [&](size_t* failed, const megaseal_batch* batch) {
      return testing::sealedbox_seal_batch(engine.get(), failed, batch, format, &to, ephemerals.data());
    });
  }
};

void expect_same(const Results& by_table, const Results& by_ladder) {
  ASSERT_EQ(by_table.error, MEGASEAL_ERROR_NONE);
  EXPECT_EQ(by_table.num_failed, by_ladder.num_failed);
  EXPECT_EQ(by_table.statuses, by_ladder.statuses);
  EXPECT_EQ(by_table.lens, by_ladder.lens);
  EXPECT_EQ(by_table.out, by_ladder.out);
}

class PreparedRecipients : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { FakeTables::reset(); }
  void TearDown() override { EXPECT_EQ(FakeTables::wrong, 0u) << "a table that was another's, or not whole"; }
  Engine with_tables(size_t bytes = 0, uint32_t threads = 1) {
    return engine_with(GetParam(), bytes, threads);
  }
  Engine without_tables() { return engine_with(GetParam(), MEGASEAL_PREPARED_CACHE_OFF); }
  Random random_;
};

// A sanitizer makes each byte that is moved and compared dear; the cache's own tests have its large batches.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

TEST_P(PreparedRecipients, EveryFormatTheSameBytesAsByTheLadder) {
  const Engine ladder = without_tables();
  // Room for all, and for a few.
  for (const size_t room : {size_t(0), size_t(12) * info_of(with_tables()).table_bytes[2]}) {
    for (const Pattern& pattern : patterns) {
      SCOPED_TRACE(pattern.name);
      const Engine engine = with_tables(room, 2);
      FakeTables::reset();  // the self-test uses them, too
      for (const size_t num : {1, 2, 9, 70, 700, 1500}) {
        if (is_sanitized && num > 100) break;
        for (int round = 0; round < (num > 500 ? 2 : 3); ++round) {
          const Batch batch(random_, pattern.recipients(random_, num));
          SCOPED_TRACE(num);
          Bytes exports, expected_exports;
          expect_same(batch.hpke(engine, Layout::packed, &exports),
                      batch.hpke(ladder, Layout::packed, &expected_exports));
          ASSERT_EQ(exports, expected_exports);
          if (num > 500 && round == 0) continue;
          expect_same(batch.box(engine, MEGASEAL_FORMAT_SEALEDBOX),
                      batch.box(ladder, MEGASEAL_FORMAT_SEALEDBOX));
          if (num < 100)
            expect_same(batch.box(engine, MEGASEAL_FORMAT_SEALEDBOX_SALSA),
                        batch.box(ladder, MEGASEAL_FORMAT_SEALEDBOX_SALSA));
          if (HasFailure()) return;
        }
      }
      const megaseal_prepared_info info = info_of(engine);
      const bool often = pattern.recipients == one || pattern.recipients == in_turn<2> ||
                         pattern.recipients == in_turn<32> || pattern.recipients == in_runs;
      if (often && room == 0 && !is_sanitized) {
        EXPECT_GT(info.num_hits, info.num_misses);
      }
      EXPECT_LE(info.used_bytes, info.capacity_bytes);
      EXPECT_EQ(info.num_builds, info.num_tables + info.num_evictions);
      if (GetParam() == "fake") {
        EXPECT_EQ(FakeTables::by_table.exchange(0), info.num_hits);
      }
    }
  }
}

TEST_P(PreparedRecipients, EveryLayoutAndInPlace) {
  const Engine ladder = without_tables(), engine = with_tables();
  for (const Layout layout : all_layouts) {
    const Batch batch(random_, skewed(random_, 300));
    expect_same(batch.hpke(engine, layout), batch.hpke(ladder, layout));
  }
  EXPECT_GT(info_of(engine).num_hits, 0u);
}

TEST_P(PreparedRecipients, OpenedByOurselvesAndByLibsodium) {
  const Engine engine = with_tables(), plain = make_engine("scalar", 1);
  for (int round = 0; round < 3; ++round) {
    const Batch batch(random_, in_turn<20>(random_, 400));
    const Results sealed = batch.hpke(engine), boxed = batch.box(engine, MEGASEAL_FORMAT_SEALEDBOX);
    ASSERT_TRUE(sealed.ok() && boxed.ok());
    std::vector<SecretKey> secrets;
    std::vector<const megaseal_secret_key*> handles;
    for (const size_t r : batch.recipients) {
      secrets.push_back(make_secret_key(world().secrets[r]));
      handles.push_back(secrets.back().get());
    }
    const Messages envelopes = {sealed.out, batch.messages.aad};
    const Results opened =
        open(Layout::packed, shape_of(MEGASEAL_FORMAT_HPKE), envelopes,
             [&](size_t* failed, const megaseal_batch* b) {
               return megaseal_hpke_open_batch(plain.get(), failed, nullptr, b, nullptr, handles.data(), 1);
             });
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened.out, batch.messages.in);
    for (size_t i = 0; i < boxed.out.size(); ++i) {
      const Bytes &pk = world().keys[batch.recipients[i]], &sk = world().secrets[batch.recipients[i]];
      Bytes text(batch.messages.in[i].size());
      ASSERT_EQ(crypto_box_curve25519xchacha20poly1305_seal_open(text.data(), boxed.out[i].data(),
                                                                 boxed.out[i].size(), pk.data(), sk.data()),
                0);
      EXPECT_EQ(text, batch.messages.in[i]);
    }
  }
  EXPECT_GT(info_of(engine).num_hits, 1000u);
}

TEST_P(PreparedRecipients, X25519WithEveryKindOfPoint) {
  const Engine engine = with_tables(0, 2), ladder = without_tables();
  for (const Pattern& pattern : patterns) {
    SCOPED_TRACE(pattern.name);
    for (const size_t num : {1, 5, 300, 1300})
      for (const size_t secret_stride : {size_t(0), size_t(32), size_t(45)}) {
        const Bytes points = raw_keys(pattern.recipients(random_, num)),
                    secrets = random_.bytes(32 + num * secret_stride);
        const auto run = [&](const Engine& by, Bytes* statuses, size_t* failed) {
          Bytes out(32 * num, 0xee);
          statuses->assign(num, 0xee);
          EXPECT_EQ(megaseal_x25519_batch(by.get(), out.data(), statuses->data(), failed, num, secrets.data(),
                                          secret_stride, points.data(), 32),
                    MEGASEAL_ERROR_NONE);
          return out;
        };
        Bytes statuses, expected_statuses;
        size_t failed = 0, expected_failed = 0;
        const Bytes out = run(engine, &statuses, &failed),
                    expected = run(ladder, &expected_statuses, &expected_failed);
        ASSERT_EQ(out, expected);
        ASSERT_EQ(statuses, expected_statuses);
        ASSERT_EQ(failed, expected_failed);
        for (size_t i = 0; i < num; i += 37) {
          const uint8_t* s = &secrets[i * secret_stride];
          ASSERT_EQ(Bytes(&out[32 * i], &out[32 * i] + 32),
                    reference::x25519(Bytes(s, s + 32), Bytes(&points[32 * i], &points[32 * i] + 32)));
        }
        Bytes without_statuses(32 * num);
        ASSERT_EQ(megaseal_x25519_batch(engine.get(), without_statuses.data(), nullptr, nullptr, num,
                                        secrets.data(), secret_stride, points.data(), 32),
                  MEGASEAL_ERROR_NONE);
        ASSERT_EQ(without_statuses, expected);
      }
  }
  const megaseal_prepared_info info = info_of(engine);
  EXPECT_GT(info.num_hits, 0u);
  EXPECT_GT(info.num_without_table, 0u) << "of the points many are on the twist";
}

TEST_P(PreparedRecipients, OnePointForAll) {
  const Engine engine = with_tables();
  for (const Bytes& point : {world().keys[0], small_points()[0], low_order_all()[1]}) {
    const size_t num = 600;
    const Bytes secrets = random_.bytes(32 * num);
    Bytes out(32 * num), statuses(num);
    size_t failed = 0;
    ASSERT_EQ(megaseal_x25519_batch(engine.get(), out.data(), statuses.data(), &failed, num, secrets.data(),
                                    32, point.data(), 0),
              MEGASEAL_ERROR_NONE);
    const bool low = point == low_order_all()[1];
    EXPECT_EQ(failed, low ? num : 0);
    for (size_t i = 0; i < num; i += 41)
      ASSERT_EQ(Bytes(&out[32 * i], &out[32 * i] + 32),
                low ? Bytes(32) : reference::x25519(Bytes(&secrets[32 * i], &secrets[32 * i] + 32), point));
  }
  EXPECT_EQ(info_of(engine).num_hits, 600u) << "the first has a table, the others cannot";
}

TEST_P(PreparedRecipients, FailedItemsFailAloneAmongPreparedOnes) {
  const Engine engine = with_tables(), ladder = without_tables();
  for (int round = 0; round < 3; ++round) {
    const size_t num = 500;
    const Batch batch(random_, in_turn<7>(random_, num));
    // Every eleventh output is a byte too small.
    const auto seal_short = [&](const Engine& by) {
      std::vector<Bytes> outs(num);
      std::vector<void*> ptrs(num);
      std::vector<uint64_t> room(num), lens(num);
      Bytes statuses(num);
      for (size_t i = 0; i < num; ++i) {
        outs[i].assign(batch.messages.in[i].size() + 48, canary);
        ptrs[i] = outs[i].data();
        room[i] = outs[i].size() - (i % 11 == 0);
      }
      const Pointers in(batch.messages.in);
      megaseal_batch b = {};
      b.struct_size = sizeof b;
      b.num_items = num;
      b.in = in.inputs();
      b.out.ptrs = ptrs.data();
      b.out.capacities = room.data();
      b.out.lens = lens.data();
      b.out_statuses = statuses.data();
      const megaseal_recipients to = to_raw(batch.keys, 32);
      size_t failed = 0;
      EXPECT_EQ(
          testing::hpke_seal_batch(by.get(), &failed, nullptr, &b, nullptr, &to, batch.ephemerals.data()),
          MEGASEAL_ERROR_NONE);
      EXPECT_EQ(failed, (num + 10) / 11);
      outs.push_back(statuses);
      return outs;
    };
    ASSERT_EQ(seal_short(engine), seal_short(ladder));
  }
  EXPECT_GT(info_of(engine).num_hits, 0u);
}

TEST_P(PreparedRecipients, HandlesAsWellAsRawKeys) {
  const Engine engine = with_tables();
  const Batch batch(random_, in_turn<6>(random_, 300));
  std::vector<Recipient> owners;
  std::vector<const megaseal_recipient*> handles;
  for (const size_t r : batch.recipients) {
    owners.push_back(make_recipient(world().keys[r]));
    handles.push_back(owners.back().get());
  }
  const Results expected = batch.hpke(without_tables());
  for (int round = 0; round < 2; ++round) {
    const megaseal_recipients to = {handles.data(), 1, nullptr, 0};
    expect_same(seal(Layout::packed, shape_of(MEGASEAL_FORMAT_HPKE), batch.messages,
                     [&](size_t* failed, const megaseal_batch* b) {
                       return testing::hpke_seal_batch(engine.get(), failed, nullptr, b, nullptr, &to,
                                                       batch.ephemerals.data());
                     }),
                expected);
  }
  EXPECT_GT(info_of(engine).num_hits, 300u);
  expect_same(batch.hpke(engine), expected);
  EXPECT_EQ(info_of(engine).num_builds, info_of(engine).num_tables)
      << "a raw key finds what a handle's key built";
}

TEST_P(PreparedRecipients, FreshEphemeralKeysAllDiffer) {
  const Engine engine = with_tables(0, 2);
  const Bytes keys = raw_keys(in_turn<3>(random_, 2500));
  const megaseal_recipients to = to_raw(keys, 32);
  std::vector<Bytes> encs;
  for (int round = 0; round < 2; ++round) {
    const Messages messages = {std::vector<Bytes>(2500), {}};
    const Results sealed =
        seal(Layout::packed, shape_of(MEGASEAL_FORMAT_HPKE), messages,
             [&](size_t* failed, const megaseal_batch* b) {
               return megaseal_hpke_seal_batch(engine.get(), failed, nullptr, b, nullptr, &to);
             });
    ASSERT_TRUE(sealed.ok());
    for (const Bytes& item : sealed.out) encs.emplace_back(item.begin(), item.begin() + 32);
  }
  std::sort(encs.begin(), encs.end());
  EXPECT_EQ(std::adjacent_find(encs.begin(), encs.end()), encs.end());
}

TEST_P(PreparedRecipients, PreparedByTheCaller) {
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

TEST_P(PreparedRecipients, PreparingCountsWhatFits) {
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

TEST_P(PreparedRecipients, TablesAreLetGoAfterEveryCall) {
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

TEST_P(PreparedRecipients, ThoseWhoComeOnceAreNotPreparedFor) {
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

TEST_P(PreparedRecipients, ThoseWhoKeepComingOneByOneAre) {
  const Engine engine = with_tables();
  const size_t each = 60;
  for (size_t round = 0; round < each; ++round) {
    const Batch batch(random_, in_turn<100>(random_, 100));
    ASSERT_TRUE(batch.hpke(engine).ok());
  }
  EXPECT_GE(info_of(engine).num_tables, 100u);
}

TEST_P(PreparedRecipients, ManyThreadsOnOneSmallCache) {
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

TEST_P(PreparedRecipients, WithoutMemoryTheLadderServes) {
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

INSTANTIATE_TEST_SUITE_P(Backends, PreparedRecipients, ::testing::ValuesIn(backends_with_tables()),
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
