// The self-test on planted faults: whichever slot goes wrong in a single bit is named, its backend is switched off and
// scalar serves.
#include <gtest/gtest.h>

#include <algorithm>

#include "backends/registry.hpp"
#include "engine/dispatch.hpp"
#include "engine/tiles.hpp"
#include "engine/workspace.hpp"
#include "tests/support/handles.hpp"

namespace megaseal::test {
namespace {

// A tile's results, spoilt in one bit: the last item's where the tile has items of equal size.
void spoil(const AeadTile& tile) {
  const AeadItem* longest = std::max_element(
      tile.items, tile.items + tile.num, [](const AeadItem& a, const AeadItem& b) { return a.len < b.len; });
  if (tile.num > 0 && longest->len > 0) longest->out[longest->len - 1] ^= 0x80;
}
void spoil(const StreamTile& tile) {
  if (tile.num > 0 && tile.items[0].len > 0) tile.items[0].out[0] ^= 1;
}
void spoil(const HChaCha20Tile& tile) {
  if (tile.num > 0) tile.out[32 * tile.num - 1] ^= 1;
}
void spoil(const X25519Tile& tile) {
  if (tile.num > 0) tile.out[32 * tile.num - 1] ^= 1;
}
// Every table alike, as a wrong kernel would.
void spoil(const X25519PrepareTile& tile) {
  for (uint32_t i = 0; i < tile.num; ++i) tile.tables[i][0] ^= 1;
}
void spoil(const X25519PreparedTile& tile) {
  if (tile.num > 0) tile.items[tile.num - 1].out[31] ^= 1;
}
void spoil(const HkdfExtractTile& tile) {
  if (tile.num > 0) tile.items[tile.num - 1].prk[31] ^= 1;
}
void spoil(const HkdfExpandTile& tile) {
  if (tile.num > 0 && tile.items[tile.num - 1].out_len > 0) tile.items[tile.num - 1].out[0] ^= 1;
}
void spoil(const SealedBoxNonceTile& tile) {
  if (tile.num > 0) tile.nonces[24 * size_t(tile.num) - 1] ^= 1;
}
void spoil(const HpkeScheduleTile& tile) {
  if (tile.num > 0) tile.keys[0] ^= 1;
}
void spoil(const SealedBoxTile& tile) {
  if (tile.num > 0 && tile.items[tile.num - 1].len > 0) tile.items[tile.num - 1].out[0] ^= 1;
}
void spoil(const HpkeTile& tile) {
  if (tile.num > 0 && tile.items[tile.num - 1].len > 0) tile.items[tile.num - 1].out[0] ^= 1;
}

Dispatch scalar_slots() {
  Dispatch dispatch;
#define X(slot, Tile) dispatch.slot = scalar_table.slot;
  MEGASEAL_SLOTS(X)
#undef X
  return dispatch;
}

// What each slot does when it is sound. Scalar leaves whole tiles to the engine, so here the engine composes them.
namespace sound {
#define X(slot, Tile) \
  void slot(const Tile* tile) { scalar_table.slot(tile); }
MEGASEAL_SLOTS(X)
MEGASEAL_PREPARED_SLOTS(X)
#undef X
uint32_t hpke_seal(const HpkeTile* tile) {
  Workspace workspace(tile->num);
  hpke_seal_tile(scalar_slots(), workspace, *tile);
  return tile->num;
}
uint32_t hpke_open(const HpkeTile* tile) {
  Workspace workspace(tile->num);
  hpke_open_tile(scalar_slots(), workspace, *tile);
  return tile->num;
}
uint32_t sealedbox_seal(const SealedBoxTile* tile) {
  Workspace workspace(tile->num);
  sealedbox_seal_tile(scalar_slots(), workspace, *tile);
  return tile->num;
}
uint32_t sealedbox_open(const SealedBoxTile* tile) {
  Workspace workspace(tile->num);
  sealedbox_open_tile(scalar_slots(), workspace, *tile);
  return tile->num;
}
}  // namespace sound

namespace broken {
#define X(slot, Tile)           \
  void slot(const Tile* tile) { \
    sound::slot(tile);          \
    spoil(*tile);               \
  }
MEGASEAL_SLOTS(X)
MEGASEAL_PREPARED_SLOTS(X)
#undef X
#define X(slot, Tile)               \
  uint32_t slot(const Tile* tile) { \
    sound::slot(tile);              \
    spoil(*tile);                   \
    return tile->num;               \
  }
MEGASEAL_WHOLE_SLOTS(X)
#undef X
}  // namespace broken

KernelTable sound_table() {
  KernelTable table = {};
  table.name = "planted";
  table.lanes = 4;
  table.tile_items = 64;
#define X(slot, Tile) table.slot = sound::slot;
  MEGASEAL_SLOTS(X)
  MEGASEAL_WHOLE_SLOTS(X)
  MEGASEAL_PREPARED_SLOTS(X)
#undef X
  std::copy_n(scalar_table.prepared_bytes, x25519_prepared_sizes, table.prepared_bytes);
  return table;
}

struct Planted {
  const char* slot;
  void (*plant)(KernelTable&);
};
const Planted planted[] = {
#define X(slot, Tile) {#slot, [](KernelTable& table) { table.slot = broken::slot; }},
    MEGASEAL_SLOTS(X) MEGASEAL_WHOLE_SLOTS(X) MEGASEAL_PREPARED_SLOTS(X)
#undef X
};

void PrintTo(const Planted& p, std::ostream* out) { *out << p.slot; }

class SelfTest : public ::testing::TestWithParam<Planted> {};

TEST(SoundSelfTest, PassesScalarAndTheSoundTable) {
  EXPECT_EQ(testing::self_test(sound_table()), "");
  EXPECT_EQ(testing::self_test(scalar_table), "");
}

TEST_P(SelfTest, NamesABrokenSlot) {
  KernelTable table = sound_table();
  GetParam().plant(table);
  const std::string found = testing::self_test(table);
  EXPECT_NE(found.find(GetParam().slot), std::string::npos) << "it says: " << found;
}

// Faults of tables that no shared secret may show: keys that have none, the other way round.
void on_the_twist_too(const X25519PrepareTile* tile) {
  sound::x25519_prepare(tile);
  std::fill_n(tile->has_table, tile->num, uint8_t(1));
}
void leaves_a_table(const X25519PrepareTile* tile) {
  sound::x25519_prepare(tile);
  for (uint32_t i = 0; i < tile->num; ++i)
    if (!tile->has_table[i]) tile->tables[i][64] = 1;
}
TEST(PreparedSelfTest, FindsTablesThatShouldNotBe) {
  for (const auto fault : {on_the_twist_too, leaves_a_table}) {
    KernelTable table = sound_table();
    table.x25519_prepare = fault;
    EXPECT_NE(testing::self_test(table).find("x25519_prepare:"), std::string::npos);
  }
}
TEST(PreparedSelfTest, FindsASlotWithoutTheOther) {
  KernelTable table = sound_table();
  table.x25519_prepare = nullptr;
  EXPECT_NE(testing::self_test(table), "");
  table = sound_table();
  table.x25519_prepared = nullptr;
  EXPECT_NE(testing::self_test(table), "");
}

// And of whole tiles that are right as long as every recipient is another.
uint32_t wrong_to_few(const HpkeTile* tile) {
  sound::hpke_seal(tile);
  const Strided to = tile->recipients;
  if (tile->num > 8 && std::memcmp(to.base, to.base + 8 * to.stride, 32) == 0) spoil(*tile);
  return tile->num;
}
TEST(WholeSelfTest, FindsWhatIsWrongToFewRecipients) {
  KernelTable table = sound_table();
  table.hpke_seal = wrong_to_few;
  EXPECT_EQ(testing::self_test(table), "hpke_seal: wrong result to few recipients");
}

TEST_P(SelfTest, SwitchesABrokenBackendOffAndScalarServes) {
  KernelTable table = sound_table();
  GetParam().plant(table);
  const BackendRow rows[] = {{"planted", &table, ""}, {"scalar", &scalar_table, ""}};
  const std::vector<BackendState> states = examine(rows);
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[0].state, MEGASEAL_BACKEND_SELFTEST_FAILED);
  EXPECT_NE(states[0].reason.find(GetParam().slot), std::string::npos) << states[0].reason;
  EXPECT_EQ(states[1].state, MEGASEAL_BACKEND_AVAILABLE);
  EXPECT_EQ(states[1].reason, "");

  megaseal_engine* engine = nullptr;
  ASSERT_EQ(testing::engine_create(&engine, nullptr, rows), MEGASEAL_ERROR_NONE);
  const Engine owner(engine);
  for (int op = 0; op < MEGASEAL_OP_COUNT_; ++op)
    EXPECT_EQ(backend_name(engine, op).find("planted"),
              std::string::npos)
        << megaseal_operation_name(megaseal_operation(op));

  megaseal_engine_options options = {sizeof options, "planted", 1, 0, 0};
  megaseal_engine* none = nullptr;
  EXPECT_EQ(testing::engine_create(&none, &options, rows), MEGASEAL_ERROR_BACKEND_UNAVAILABLE)
      << "a forced backend is never replaced silently";
}

INSTANTIATE_TEST_SUITE_P(Slots, SelfTest, ::testing::ValuesIn(planted),
                         [](const auto& slot) { return std::string(slot.param.slot); });

}  // namespace
}  // namespace megaseal::test
