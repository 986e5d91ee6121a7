// Sealing by tables through the C ABI: byte for byte what the ladder gives, whoever the recipients are, in whatever order
// they come. On every backend that has tables, and on one whose tables are made up, which notices a wrong one.
#include <sodium.h>

#include <algorithm>

#include "backends/cuda/cuda.hpp"
#include "tests/cross/with_tables.hpp"

namespace megaseal::test {
namespace {

class PreparedRecipients : public WithTables {};

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

// A device makes tables of its own, for as many messages as pay there; or, as here, for however few.
class TablesOfADevice : public BackendTest {};

TEST_P(TablesOfADevice, SealTheSameBytesAsTheCpu) {
  if (!GetParam()->device) GTEST_SKIP() << name() << " is no device";
  Random random;
  const Engine device = make_engine(name()), cpu = make_engine("scalar", 1);
  gpu::make_tables_for_all(true);
  for (const Pattern& pattern : patterns)
    for (const size_t num : {1, 9, 70, 700}) {
      if (num == 700 && !on_device()) continue;
      SCOPED_TRACE(pattern.name + (" of " + std::to_string(num)));
      const Batch batch(random, pattern.recipients(random, num));
      expect_same(batch.hpke(device), batch.hpke(cpu));
      expect_same(batch.box(device, MEGASEAL_FORMAT_SEALEDBOX), batch.box(cpu, MEGASEAL_FORMAT_SEALEDBOX));
    }
  gpu::make_tables_for_all(false);
}
MEGASEAL_ON_EVERY_BACKEND(TablesOfADevice);

INSTANTIATE_TEST_SUITE_P(Backends, PreparedRecipients, ::testing::ValuesIn(backends_with_tables()),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace megaseal::test
