// The choice of backends, over made-up ones: slot by slot the first that offers it, whole HPKE tiles when a backend
// has them, reasons for what cannot be used.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "engine/dispatch.hpp"
#include "engine/engine.hpp"
#include "engine/hash_choice.hpp"
#include "engine/tiles.hpp"
#include "engine/workspace.hpp"
#include "tests/support/fake_tables.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

std::atomic<int> seal_calls, open_calls, aead_calls;

Dispatch scalar_slots() {
  Dispatch dispatch;
#define X(slot, Tile) dispatch.slot = scalar_table.slot;
  MEGASEAL_SLOTS(X)
#undef X
  return dispatch;
}

/// A backend with whole tiles alone, as a GPU has: they count their calls and let the engine's composition work.
KernelTable whole_tiles() {
  KernelTable table = {};
  table.name = "whole";
  table.lanes = 8;
  table.tile_items = 32;
  table.hpke_seal = [](const HpkeTile* tile) {
    ++seal_calls;
    Workspace workspace(tile->num);
    hpke_seal_tile(scalar_slots(), workspace, *tile);
    return tile->num;
  };
  table.hpke_open = [](const HpkeTile* tile) {
    ++open_calls;
    Workspace workspace(tile->num);
    hpke_open_tile(scalar_slots(), workspace, *tile);
    return tile->num;
  };
  table.sealedbox_seal = [](const SealedBoxTile* tile) {
    ++seal_calls;
    Workspace workspace(tile->num);
    sealedbox_seal_tile(scalar_slots(), workspace, *tile);
    return tile->num;
  };
  table.sealedbox_open = [](const SealedBoxTile* tile) {
    ++open_calls;
    Workspace workspace(tile->num);
    sealedbox_open_tile(scalar_slots(), workspace, *tile);
    return tile->num;
  };
  return table;
}

/// A backend with one cipher alone.
KernelTable one_cipher() {
  KernelTable table = {};
  table.name = "cipher";
  table.lanes = 2;
  table.tile_items = 8;
  table.chacha20poly1305_seal = [](const AeadTile* tile) {
    ++aead_calls;
    scalar_table.chacha20poly1305_seal(tile);
  };
  return table;
}

void wait_us(double us) {
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < 1e-6 * us) {
  }
}

/// A backend that hashes at a speed of its own.
KernelTable hashing(const char* name, void (*schedule)(const HpkeScheduleTile*)) {
  KernelTable table = {};
  table.name = name;
  table.hkdf_extract = [](const HkdfExtractTile*) {};
  table.hkdf_expand = [](const HkdfExpandTile*) {};
  table.hpke_schedule = schedule;
  return table;
}
const KernelTable one_by_one = hashing("one by one", [](const HpkeScheduleTile* t) { wait_us(40 * t->num); });
const KernelTable in_lanes = hashing("in lanes", [](const HpkeScheduleTile*) { wait_us(250); });

TEST(HashChoice, FewMessagesAndManyGoWhereTheyAreFastest) {
  for (const bool lanes_first : {false, true}) {
    const KernelTable* const tables[] = {lanes_first ? &in_lanes : &one_by_one,
                                         lanes_first ? &one_by_one : &in_lanes};
    const HashChoice choice = fastest_hashes(tables);
    EXPECT_EQ(choice.few, &one_by_one);
    EXPECT_EQ(choice.many, &in_lanes);
    EXPECT_EQ(choice.max_few, 4u);  // 160 us against 250; eight would take 320
  }
}

TEST(HashChoice, OneThatIsAlwaysFastestServesAll) {
  const KernelTable slower = hashing("slower", [](const HpkeScheduleTile* t) { wait_us(80 * t->num); });
  const KernelTable* const tables[] = {&slower, &one_by_one};
  const HashChoice choice = fastest_hashes(tables);
  EXPECT_EQ(choice.few, &one_by_one);
  EXPECT_EQ(choice.many, &one_by_one);
  EXPECT_EQ(choice.max_few, 0u);
}

TEST(HashChoice, OfEquallyFastOnesTheFirstIsTaken) {
  const KernelTable other = hashing("other", one_by_one.hpke_schedule);
  const KernelTable* const tables[] = {&other, &one_by_one};
  EXPECT_EQ(fastest_hashes(tables).many, &other);
}

TEST(HashChoice, OnlyTablesWithEverySlotOfSha256AreTaken) {
  KernelTable without = one_by_one;
  without.hkdf_expand = nullptr;
  const KernelTable* const tables[] = {&without, &in_lanes};
  EXPECT_EQ(fastest_hashes(tables).few, &in_lanes);
  EXPECT_EQ(fastest_hashes({tables, 1}).many, nullptr);
}

TEST(HashChoice, EmptyTilesHashNowhere) {
  const HpkeShared shared = {};
  HpkeScheduleTile none = {};
  none.shared = &shared;
  scalar_slots().hash(none);
  process_dispatch()->hash(none);
}

TEST(HashChoice, TheProcessHashesWithWhatItMeasured) {
  const Dispatch* const best = process_dispatch();
  ASSERT_NE(best, nullptr);
  ASSERT_NE(best->few_scheduled, nullptr);
  // Whichever it is, both give the same bytes at the numbers around the boundary.
  HpkeShared shared = {};
  for (const uint32_t num :
       {1u, best->few_hashed_below - (best->few_hashed_below > 0), best->few_hashed_below, 64u}) {
    if (num == 0) continue;
    Bytes in(96 * num), keys(32 * num), nonces(12 * num), expected_keys(32 * num), expected_nonces(12 * num);
    for (size_t i = 0; i < in.size(); ++i) in[i] = uint8_t(i * i + 3 * i);
    HpkeScheduleTile tile = {num,         &shared,       in.data(), &in[32 * num], {&in[64 * num], 32},
                             keys.data(), nonces.data(), nullptr};
    best->hash(tile);
    tile.keys = expected_keys.data(), tile.nonces = expected_nonces.data();
    scalar_table.hpke_schedule(&tile);
    EXPECT_EQ(keys, expected_keys) << num;
    EXPECT_EQ(nonces, expected_nonces) << num;
  }
}

Engine engine_over(std::span<const BackendRow> rows, const char* backend = nullptr) {
  const megaseal_engine_options options = {sizeof options, backend, 2, 0, 0};
  megaseal_engine* engine = nullptr;
  throw_on(testing::engine_create(&engine, &options, rows), "engine_create");
  return Engine(engine);
}

const Scheme& scheme(const std::string& name) {
  for (const auto& s : all_schemes())
    if (s->name() == name) return *s;
  throw std::invalid_argument(name);
}

TEST(Dispatch, AWholeTileSlotIsCalledAndGivesTheSameBytes) {
  const KernelTable whole = whole_tiles();
  const BackendRow rows[] = {{"whole", &whole, ""}, {"scalar", &scalar_table, ""}};
  const Engine engine = engine_over(rows), plain = make_engine("scalar");
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_HPKE_SEAL), "whole");
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_HPKE_OPEN), "whole");
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_CHACHA20POLY1305_SEAL), "scalar");
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_SEALEDBOX_SEAL), "whole");
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_SEALEDBOX_OPEN), "whole");
  for (const char* name : {"Hpke", "HpkePsk", "SealedBox"}) {
    seal_calls = open_calls = 0;
    const std::vector<size_t> items = first_items(200);
    const Results sealed = scheme(name).seal(engine.get(), Layout::packed, items);
    ASSERT_TRUE(sealed.ok());
    EXPECT_GT(seal_calls, 0) << "the slot was not called";
    EXPECT_EQ(open_calls, 0);
    EXPECT_EQ(sealed.out, scheme(name).seal(plain.get(), Layout::packed, items).out);
    const Results opened = scheme(name).open(engine.get(), Layout::packed, items, sealed.out);
    ASSERT_TRUE(opened.ok());
    EXPECT_GT(open_calls, 0) << "the slot was not called";
    EXPECT_EQ(opened.out, scheme(name).plaintexts(items).in);
  }
}

TEST(Dispatch, WhatAWholeTileSlotLeavesIsComposed) {
  KernelTable half = whole_tiles();
  half.hpke_seal = [](const HpkeTile* tile) {
    ++seal_calls;
    HpkeTile first = *tile;
    first.num = tile->num / 2;
    Workspace workspace(tile->num);
    hpke_seal_tile(scalar_slots(), workspace, first);
    return first.num;
  };
  half.hpke_open = [](const HpkeTile*) {
    ++open_calls;
    return 0u;
  };
  half.sealedbox_seal = [](const SealedBoxTile* tile) {
    ++seal_calls;
    SealedBoxTile first = *tile;
    first.num = tile->num / 2;
    Workspace workspace(tile->num);
    sealedbox_seal_tile(scalar_slots(), workspace, first);
    return first.num;
  };
  half.sealedbox_open = [](const SealedBoxTile*) {
    ++open_calls;
    return 0u;
  };
  // Past the self-test, which would not have it.
  const BackendRow rows[] = {{"half", &half, ""}, {"scalar", &scalar_table, ""}};
  Dispatch dispatch;
  ASSERT_EQ(choose(&dispatch,
                   {{&rows[0], MEGASEAL_BACKEND_AVAILABLE, {}}, {&rows[1], MEGASEAL_BACKEND_AVAILABLE, {}}}, {}),
            MEGASEAL_ERROR_NONE);
  const auto engine =
      std::make_unique<megaseal_engine>(std::move(dispatch), 2u, size_t(0), PreparedCache::Seed{});
  const Engine plain = make_engine("scalar");
  seal_calls = open_calls = 0;
  for (const char* name : {"Hpke", "HpkePsk", "SealedBox"}) {
    const std::vector<size_t> items = first_items(101);
    const Results sealed = scheme(name).seal(engine.get(), Layout::packed, items);
    ASSERT_TRUE(sealed.ok());
    EXPECT_EQ(sealed.out, scheme(name).seal(plain.get(), Layout::packed, items).out);
    const Results opened = scheme(name).open(engine.get(), Layout::packed, items, sealed.out);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened.out, scheme(name).plaintexts(items).in);
  }
  EXPECT_GT(seal_calls, 0);
  EXPECT_GT(open_calls, 0);
}

TEST(Dispatch, SlotBySlotTheFirstThatOffersIt) {
  const KernelTable cipher = one_cipher();
  const BackendRow rows[] = {{"cipher", &cipher, ""}, {"scalar", &scalar_table, ""}};
  const Engine engine = engine_over(rows);
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_CHACHA20POLY1305_SEAL), "cipher");
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_CHACHA20POLY1305_OPEN), "scalar");
  EXPECT_NE(std::string(megaseal_backend_name(engine.get(), MEGASEAL_OP_HPKE_SEAL)).find('+'),
            std::string::npos)
      << "several share the work";
  aead_calls = 0;
  ASSERT_TRUE(scheme("Hpke").seal(engine.get(), Layout::packed, first_items(20)).ok());
  EXPECT_GT(aead_calls, 0) << "a composed tile uses the best cipher";
}

TEST(Dispatch, AForcedBackendServesWhatItHasAndScalarAloneTheRest) {
  const KernelTable cipher = one_cipher(), whole = whole_tiles();
  const BackendRow rows[] = {{"cipher", &cipher, ""}, {"whole", &whole, ""}, {"scalar", &scalar_table, ""}};
  const Engine engine = engine_over(rows, "whole");
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_HPKE_SEAL), "whole");
  EXPECT_STREQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_CHACHA20POLY1305_SEAL), "scalar");
  EXPECT_STREQ(megaseal_backend_name(engine_over(rows, "scalar").get(), MEGASEAL_OP_HPKE_SEAL), "scalar");
}

TEST(Dispatch, TablesAreThoseOfTheBackendThatServesX25519) {
  // A curve without tables before one with them: nobody's tables are read, as no other backend's would fit the ladder
  // they are weighed against.
  KernelTable curve = scalar_table, tables = FakeTables::table();
  curve.name = "curve";
  curve.x25519_prepare = nullptr;
  curve.x25519_prepared = nullptr;
  const BackendRow without[] = {{"curve", &curve, ""}, {"scalar", &tables, ""}};
  const Engine engine = engine_over(without);
  EXPECT_EQ(backend_name(engine.get(), MEGASEAL_OP_X25519_SHARED), "curve");
  EXPECT_EQ(megaseal_backend_name(engine.get(), MEGASEAL_OP_X25519_PREPARED), nullptr);
  EXPECT_EQ(megaseal_recommended_batch(engine.get(), MEGASEAL_OP_X25519_PREPARED), 0u);
  EXPECT_EQ(prepared_info(engine.get()).capacity_bytes, 0u);
  EXPECT_EQ(prepared_info(engine.get()).table_bytes[0], 0u);

  // And the other way round: both slots of the first, never one of each.
  KernelTable first = FakeTables::table();
  first.name = "first";
  const BackendRow with[] = {{"first", &first, ""}, {"scalar", &scalar_table, ""}};
  const Engine other = engine_over(with);
  EXPECT_EQ(backend_name(other.get(), MEGASEAL_OP_X25519_PREPARED), "first");
  EXPECT_EQ(prepared_info(other.get()).table_bytes[0], FakeTables::bytes[0]);

  // One slot alone serves nobody.
  first.x25519_prepared = nullptr;
  EXPECT_NE(backend_name(engine_over(with).get(), MEGASEAL_OP_X25519_PREPARED), "first");
}

TEST(Dispatch, ABackendOfWholeTilesSealsWithoutTables) {
  KernelTable whole = whole_tiles();
  const KernelTable tables = FakeTables::table();
  const BackendRow rows[] = {{"whole", &whole, ""}, {"scalar", &tables, ""}};
  const Engine engine = engine_over(rows);
  seal_calls = 0;
  for (int round = 0; round < 4; ++round)
    ASSERT_TRUE(scheme("Hpke").seal(engine.get(), Layout::packed, first_items(200)).ok());
  EXPECT_GT(seal_calls, 0);
  EXPECT_EQ(prepared_info(engine.get()).num_builds, 0u);
}

TEST(Dispatch, SaysWhyABackendCannotBeUsed) {
  const KernelTable cipher = one_cipher();
  const BackendRow rows[] = {
      {"absent", nullptr, ""}, {"cipher", &cipher, "sse2 abacus9"}, {"scalar", &scalar_table, ""}};
  const std::vector<BackendState> states = examine(rows);
  ASSERT_EQ(states.size(), 3u);
  EXPECT_EQ(states[0].state, MEGASEAL_BACKEND_NOT_BUILT);
  EXPECT_NE(states[0].reason, "");
  EXPECT_EQ(states[1].state, MEGASEAL_BACKEND_UNSUPPORTED);
  EXPECT_NE(states[1].reason.find("abacus9"), std::string::npos) << states[1].reason;
  for (const char* name : {"absent", "cipher"}) {
    const megaseal_engine_options options = {sizeof options, name, 1, 0, 0};
    megaseal_engine* engine = nullptr;
    EXPECT_EQ(testing::engine_create(&engine, &options, rows), MEGASEAL_ERROR_BACKEND_UNAVAILABLE) << name;
  }
  EXPECT_STREQ(megaseal_backend_name(engine_over(rows).get(), MEGASEAL_OP_CHACHA20POLY1305_SEAL), "scalar");
}

}  // namespace
}  // namespace megaseal::test
