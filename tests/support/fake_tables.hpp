// A backend with tables that are none: a table holds its key, and the shared secret comes from the scalar ladder. So the
// engine's part, which table for which item, is tested apart from the kernels'.
#pragma once
#include <atomic>
#include <cstring>

#include "backends/registry.hpp"
#include "kernels/table.hpp"
#include "tests/support/curve.hpp"

namespace megaseal::test {

/// What the fake backend's slots saw.
struct FakeTables {
  static inline std::atomic<uint64_t> builds = 0, by_table = 0, wrong = 0;
  static constexpr uint32_t bytes[x25519_prepared_sizes] = {128, 256, 640};

  static bool of_low_order(const uint8_t* key) {
    const uint8_t secret[32] = {8};
    uint8_t out[32], status = 0;
    const X25519Tile tile{
        .num = 1, .secrets = {secret, 0}, .points = {key, 0}, .out = out, .status = &status};
    scalar_table.x25519_shared(&tile);
    return status != 0;
  }

  static void prepare(const X25519PrepareTile* tile) {
    for (uint32_t i = 0; i < tile->num; i++) {
      const uint8_t* key = tile->points.base + i * tile->points.stride;
      uint8_t* table = tile->tables[i];
      std::memset(table, 0, bytes[tile->size]);
      tile->has_table[i] = on_curve(key) && !of_low_order(key);
      if (!tile->has_table[i]) continue;
      // All of it, so that a reader who comes too early shows.
      for (uint32_t at = 0; at + 32 <= bytes[tile->size]; at += 32) std::memcpy(table + at, key, 32);
      builds++;
    }
  }

  static void prepared(const X25519PreparedTile* tile) {
    for (uint32_t i = 0; i < tile->num; i++) {
      const X25519PreparedItem& item = tile->items[i];
      for (uint32_t at = 0; at + 32 <= bytes[tile->size]; at += 32)
        if (std::memcmp(item.table + at, item.table, 32) != 0) wrong++;
      uint8_t status = 0;
      const X25519Tile ladder{.num = 1,
                              .secrets = {item.secret, 0},
                              .points = {item.table, 0},
                              .out = item.out,
                              .status = &status};
      scalar_table.x25519_shared(&ladder);
      wrong += status;
      by_table++;
    }
  }

  /// The scalar backend, with these tables.
  static KernelTable table() {
    KernelTable t = scalar_table;
    t.name = "scalar";
    t.x25519_prepare = prepare;
    t.x25519_prepared = prepared;
    std::memcpy(t.prepared_bytes, bytes, sizeof bytes);
    return t;
  }
  static void reset() { builds = by_table = wrong = 0; }
};

}  // namespace megaseal::test
