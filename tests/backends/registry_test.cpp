// backends.def as the build has it.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/backends.hpp"

namespace megaseal::test {
namespace {

TEST(Registry, NamesAreUniqueAndTheTablesAgree) {
  std::set<std::string> names;
  for (const BackendRow& row : backend_rows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " stands twice";
    if (!row.table) continue;
    EXPECT_STREQ(row.table->name, row.name);
    EXPECT_GE(row.table->lanes, 1u);
    EXPECT_GE(row.table->tile_items, row.table->lanes);
  }
}

TEST(Registry, ScalarComesLastRunsEverywhereAndOffersEveryPrimitive) {
  const BackendRow& last = backend_rows().back();
  ASSERT_STREQ(last.name, "scalar");
  EXPECT_STREQ(last.requires_, "");
  ASSERT_NE(last.table, nullptr);
#define X(slot, Tile) EXPECT_NE(last.table->slot, nullptr) << #slot;
  MEGASEAL_SLOTS(X)
  MEGASEAL_PREPARED_SLOTS(X)
#undef X
}

// Only the backend that built a table can read it.
TEST(Registry, PreparedSlotsComeTogetherAndSayHowLargeTablesAre) {
  for (const BackendRow& row : backend_rows()) {
    if (!row.table) continue;
    EXPECT_EQ(row.table->x25519_prepare == nullptr, row.table->x25519_prepared == nullptr) << row.name;
    uint32_t before = 0;
    for (const uint32_t bytes : row.table->prepared_bytes) {
      EXPECT_EQ(bytes % 64, 0u) << row.name;
      EXPECT_EQ(bytes > before, row.table->x25519_prepared != nullptr) << row.name;
      before = bytes;
    }
  }
}

TEST(Registry, LibraryListsTheSameBackendsInTheSameOrder) {
  ASSERT_EQ(megaseal_num_backends(), backend_rows().size());
  for (size_t i = 0; i < backend_rows().size(); ++i) {
    megaseal_backend_info info = {};
    info.struct_size = sizeof info;
    ASSERT_EQ(megaseal_get_backend_info(i, &info), MEGASEAL_ERROR_NONE);
    EXPECT_STREQ(info.name, backend_rows()[i].name);
    ASSERT_NE(info.reason, nullptr);
    EXPECT_EQ(info.state == MEGASEAL_BACKEND_AVAILABLE, std::string(info.reason).empty()) << info.reason;
    EXPECT_NE(info.state, MEGASEAL_BACKEND_SELFTEST_FAILED) << info.name << ": " << info.reason;
    if (!backend_rows()[i].table) {
      EXPECT_EQ(info.state, MEGASEAL_BACKEND_NOT_BUILT);
    }
  }
  EXPECT_EQ(backend_info("scalar").state, MEGASEAL_BACKEND_AVAILABLE);
}

}  // namespace
}  // namespace megaseal::test
