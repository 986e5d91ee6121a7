#include "backends/cuda/recipient_tables.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace megaseal::gpu {
namespace {

// A small table costs 1.2 items by the ladder, and saves 0.73 of one for each message: it pays from the second on, and from
// the third it is worth the launches. Larger ones cost more and save more. Counted, to be measured (README.md).
constexpr uint32_t min_messages = 3, messages_for_medium = 16, messages_for_large = 96;

uint32_t size_for(uint32_t messages_each) {
  return messages_each < messages_for_medium ? 0 : messages_each < messages_for_large ? 1 : 2;
}

// Keys are as random as their owners made them. Who sends keys that collide gets no table for them.
constexpr uint32_t max_probes = 16;
uint64_t hash(const uint8_t* key) {
  uint64_t w[4];
  std::memcpy(w, key, sizeof w);
  uint64_t h = 0;
  for (const uint64_t x : w) h = (std::rotl(h, 23) ^ x) * 0x9e3779b97f4a7c15;
  return h;
}

}  // namespace

uint64_t RecipientTables::bytes_each(PreparedShape shape) {
  return uint64_t(shape.rows) * (PrepareJob::row_bytes + PrepareJob::scratch_bytes) + 1;
}

bool RecipientTables::make_room(uint32_t num) {
  if (num <= capacity_) return true;
  capacity_ = 0;
  groups_.reset(new (std::nothrow) Group[num]);
  group_of_.reset(new (std::nothrow) uint32_t[num]);
  slots_.reset(new (std::nothrow) uint32_t[2 * size_t(std::bit_ceil(num))]);
  if (!groups_ || !group_of_ || !slots_) return false;
  capacity_ = num;
  return true;
}

void RecipientTables::gather(Strided keys, uint32_t from) {
  const size_t num_slots = 2 * size_t(std::bit_ceil(num_));
  std::memset(slots_.get(), 0, num_slots * sizeof slots_[0]);
  num_groups_ = 0;
  const auto key = [&](uint32_t i) { return keys.base + (size_t(from) + i) * keys.stride; };
  for (uint32_t i = 0; i < num_; i++) {
    const uint64_t h = hash(key(i));
    uint32_t& group = group_of_[i] = none;
    for (uint32_t probe = 0; probe < max_probes; probe++) {
      uint32_t& slot = slots_[(h + probe) & (num_slots - 1)];
      if (slot == 0) {
        groups_[num_groups_++] = {.first = i, .num = 1, .table = none, .next = 0};
        slot = num_groups_;
        group = slot - 1;
        break;
      }
      if (std::memcmp(key(groups_[slot - 1].first), key(i), 32) == 0) {
        group = slot - 1;
        groups_[group].num++;
        break;
      }
    }
  }
}

void RecipientTables::arrange(Strided keys, uint32_t from, uint32_t num, uint32_t min_items, uint64_t max_bytes) {
  clear();
  num_ = num;
  if (num < min_items || num < min_messages || !make_room(num)) return;
  gather(keys, from);
  // Where there is no room for all the tables that pay, they are smaller, or only those that pay most are made.
  for (uint64_t least = min_messages;; least *= 2) {
    uint32_t tables = 0, items = 0;
    for (uint32_t g = 0; g < num_groups_; g++)
      if (groups_[g].num >= least) tables++, items += groups_[g].num;
    if (tables == 0 || items < min_items) return;
    uint32_t size = size_for(items / tables);
    while (size > 0 && tables * bytes_each(prepared_shapes[size]) > max_bytes) size--;
    shape_ = prepared_shapes[size];
    if (tables * bytes_each(shape_) > max_bytes) continue;
    for (uint32_t g = 0, next = 0; g < num_groups_; g++) {
      Group& group = groups_[g];
      group.table = none;
      if (group.num < least) continue;
      group.table = num_tables_++;
      group.next = next;
      next += group.num;
    }
    num_by_table_ = items;
    return;
  }
}

void RecipientTables::write(uint32_t* item_of, uint32_t* items, uint32_t* table_of, uint32_t* left) {
  if (num_tables_ == 0) {  // and perhaps no groups were made
    for (uint32_t i = 0; i < num_; i++) left[i] = i;
    return;
  }
  for (uint32_t g = 0; g < num_groups_; g++)
    if (groups_[g].table != none) item_of[groups_[g].table] = groups_[g].first;
  for (uint32_t i = 0; i < num_; i++) {
    Group* const group = group_of_[i] == none ? nullptr : &groups_[group_of_[i]];
    if (group && group->table != none) {
      items[group->next] = i;
      table_of[group->next++] = group->table;
    } else {
      *left++ = i;
    }
  }
}

}  // namespace megaseal::gpu
