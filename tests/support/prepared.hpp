// The slots of prepared recipients as functions of values. Tables are allocations of their own exact size, filled with a
// pattern beforehand.
#pragma once
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/support/slots.hpp"

namespace megaseal::test {

struct FreeTable {
  void operator()(uint8_t* p) const { std::free(p); }
};
using PreparedTable = std::unique_ptr<uint8_t, FreeTable>;

struct PreparedTables {
  uint32_t size = 0;
  std::vector<PreparedTable> tables;
  Bytes has_table;
};

inline PreparedTables prepare(const KernelTable& table, uint32_t size, const std::vector<Bytes>& points) {
  PreparedTables out;
  out.size = size;
  Bytes packed;
  std::vector<uint8_t*> pointers;
  for (const Bytes& point : points) {
    packed.insert(packed.end(), point.begin(), point.end());
    out.tables.emplace_back(static_cast<uint8_t*>(std::aligned_alloc(64, table.prepared_bytes[size])));
    pointers.push_back(out.tables.back().get());
    std::memset(pointers.back(), 0xd7, table.prepared_bytes[size]);
  }
  out.has_table.assign(points.size(), 0xd7);
  const X25519PrepareTile tile = {
      uint32_t(points.size()), size, {packed.data(), 32}, pointers.data(), out.has_table.data()};
  table.x25519_prepare(&tile);
  return out;
}

/// secrets[i] times the point of table who[i].
inline std::vector<Bytes> shared_prepared(const KernelTable& table, const PreparedTables& tables,
                                          const std::vector<Bytes>& secrets, const std::vector<size_t>& who) {
  std::vector<Bytes> out(secrets.size(), Bytes(32, 0xd7));
  std::vector<X25519PreparedItem> items;
  for (size_t i = 0; i < secrets.size(); ++i)
    items.push_back({secrets[i].data(), tables.tables[who[i]].get(), out[i].data()});
  const X25519PreparedTile tile = {uint32_t(items.size()), tables.size, items.data()};
  table.x25519_prepared(&tile);
  return out;
}

}  // namespace megaseal::test
