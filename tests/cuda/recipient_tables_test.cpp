// Which items of a piece go by tables of their recipients.
#include "backends/cuda/recipient_tables.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <vector>

#include "tests/support/bytes.hpp"

namespace megaseal::test {
namespace {

using gpu::RecipientTables;
constexpr uint64_t enough = uint64_t(1) << 40;

// Item i is to key to[i].
struct Keys {
  Bytes all;
  Keys(Random& random, const std::vector<uint32_t>& to, uint32_t num_keys) {
    const Bytes keys = random.bytes(32 * size_t(num_keys));
    for (const uint32_t k : to) all.insert(all.end(), keys.begin() + 32 * k, keys.begin() + 32 * (k + 1));
  }
  Strided strided() const { return {all.data(), 32}; }
};

// Every item once; items of a table together, and of one key, which is that of item_of.
void check(RecipientTables& tables, Strided keys, uint32_t from, uint32_t num) {
  std::vector<uint32_t> item_of(tables.num_tables()), items(tables.num_by_table()), table_of(items.size()),
      left(tables.num_by_ladder());
  tables.write(item_of.data(), items.data(), table_of.data(), left.data());
  std::vector<int> seen(num, 0);
  std::map<uint32_t, int> runs;
  const auto key = [&](uint32_t i) { return keys.base + (size_t(from) + i) * keys.stride; };
  for (size_t k = 0; k < items.size(); k++) {
    ASSERT_LT(items[k], num);
    ASSERT_LT(table_of[k], item_of.size());
    seen[items[k]]++;
    runs[table_of[k]] += k == 0 || table_of[k - 1] != table_of[k];
    ASSERT_EQ(std::memcmp(key(items[k]), key(item_of[table_of[k]]), 32), 0);
  }
  for (const uint32_t i : left) {
    ASSERT_LT(i, num);
    seen[i]++;
  }
  EXPECT_EQ(seen, std::vector<int>(num, 1));
  EXPECT_EQ(runs.size(), item_of.size());
  for (const auto& [table, count] : runs) EXPECT_EQ(count, 1) << table;
}

TEST(cudaRecipientTables, ThreeMessagesMakeATable) {
  Random random;
  // Key 0 three times, key 1 twice, key 2 once, key 3 four times; the first two items are of another piece.
  const std::vector<uint32_t> to = {3, 3, 0, 1, 3, 0, 2, 3, 1, 3, 0, 3};
  const Keys keys(random, to, 4);
  RecipientTables tables;
  tables.arrange(keys.strided(), 2, 10, 1, enough);
  EXPECT_EQ(tables.num_tables(), 2u);
  EXPECT_EQ(tables.num_by_table(), 7u);
  EXPECT_EQ(tables.num_by_ladder(), 3u);
  EXPECT_EQ(tables.shape().rows, prepared_shapes[0].rows);
  EXPECT_EQ(tables.bytes(), 2 * (2 * (1536 + 1152) + 1));
  check(tables, keys.strided(), 2, 10);
  tables.arrange(keys.strided(), 2, 10, 7, enough);
  EXPECT_EQ(tables.num_tables(), 2u);
  tables.arrange(keys.strided(), 2, 10, 8, enough);
  EXPECT_EQ(tables.num_tables(), 0u) << "too few go by table";
  EXPECT_EQ(tables.num_by_ladder(), 10u);
  EXPECT_EQ(tables.bytes(), 0u);
  check(tables, keys.strided(), 2, 10);
  for (const uint32_t num : {0u, 2u}) {
    tables.arrange(keys.strided(), 2, num, 1, enough);
    EXPECT_EQ(tables.num_tables(), 0u);
    check(tables, keys.strided(), 2, num);
    RecipientTables fresh;
    fresh.arrange(keys.strided(), 2, num, 1, enough);
    check(fresh, keys.strided(), 2, num);
  }
}

TEST(cudaRecipientTables, OneKeyForAllTakesALargeTable) {
  Random random;
  const Bytes key = random.bytes(32);
  RecipientTables tables;
  for (const auto& [num, rows] : {std::pair{15u, 2}, {16u, 4}, {95u, 4}, {96u, 13}, {1000u, 13}}) {
    tables.arrange({key.data(), 0}, 7, num, 1, enough);
    EXPECT_EQ(tables.num_tables(), 1u);
    EXPECT_EQ(tables.num_by_table(), num);
    EXPECT_EQ(tables.shape().rows, rows) << num;
    check(tables, {key.data(), 0}, 7, num);
  }
}

// Where not all have room, those with most messages are served, and by smaller tables if need be.
TEST(cudaRecipientTables, StayWithinTheirBytes) {
  Random random;
  std::vector<uint32_t> to;
  for (uint32_t k = 0; k < 40; k++)
    for (uint32_t n = 0; n < (k % 4 == 0 ? 24u : 3u); n++) to.push_back(k);
  const Keys keys(random, to, 40);
  const auto num = uint32_t(to.size());
  RecipientTables tables;
  tables.arrange(keys.strided(), 0, num, 1, enough);
  EXPECT_EQ(tables.num_tables(), 40u);
  const uint64_t all = tables.bytes();
  check(tables, keys.strided(), 0, num);
  const auto within = [&](uint64_t limit) {
    tables.arrange(keys.strided(), 0, num, 1, limit);
    EXPECT_LE(tables.bytes(), limit);
    check(tables, keys.strided(), 0, num);
    return std::pair{tables.num_by_table(), tables.num_tables() ? tables.shape().rows : 0};
  };
  EXPECT_EQ(within(all - 1), (std::pair{240u, 4}));
  EXPECT_EQ(within(all / 4), (std::pair{240u, 2}));
  EXPECT_EQ(within(all / 4 - 1), (std::pair{0u, 0}));
  EXPECT_EQ(within(0), (std::pair{0u, 0}));
}

// Keys that all fall into one place cost a search of 16 places each, and those that found none are the ladder's.
TEST(cudaRecipientTables, ThoseThatCollideAreTheLadders) {
  // Only the low bits of a hash tell places apart, and they do not depend on the high bits of a key's last word.
  Bytes all(32 * 400, 0x11);
  for (uint32_t i = 0; i < 400; i++) {
    const uint32_t which = i % 100;
    std::memcpy(&all[32 * i + 28], &which, 4);
  }
  const Strided keys{all.data(), 32};
  RecipientTables tables;
  tables.arrange(keys, 0, 400, 1, enough);
  EXPECT_EQ(tables.num_tables(), 16u);
  EXPECT_EQ(tables.num_by_table(), 64u);
  check(tables, keys, 0, 400);
}

TEST(cudaRecipientTables, RandomPieces) {
  Random random;
  RecipientTables tables;
  for (int round = 0; round < 60; round++) {
    const auto num = uint32_t(1 + random.below(600)), num_keys = uint32_t(1 + random.below(200));
    std::vector<uint32_t> to;
    std::map<uint32_t, uint32_t> count;
    for (uint32_t i = 0; i < num; i++) {
      to.push_back(uint32_t(random.below(num_keys)));
      count[to.back()]++;
    }
    const Keys keys(random, to, num_keys);
    tables.arrange(keys.strided(), 0, num, 1, enough);
    uint32_t often = 0, items = 0;
    for (const auto& [k, n] : count)
      if (n >= 3) often++, items += n;
    EXPECT_EQ(tables.num_tables(), often);
    EXPECT_EQ(tables.num_by_table(), items);
    check(tables, keys.strided(), 0, num);
  }
}

}  // namespace
}  // namespace megaseal::test
