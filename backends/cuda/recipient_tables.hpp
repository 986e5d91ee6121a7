// Which items of a piece get their shared secret by a table of their recipient's key. The device builds the tables for that
// piece, and forgets them with it.
#pragma once
#include <cstdint>
#include <memory>

#include "backends/cuda/jobs.hpp"
#include "kernels/prepared_shapes.hpp"

namespace megaseal::gpu {

class RecipientTables {
 public:
  /// Of the items [from, from + num). None goes by table where fewer than `min_items` would, or where there is no memory.
  /// All that the device keeps for it stays within `max_bytes`.
  void arrange(Strided keys, uint32_t from, uint32_t num, uint32_t min_items, uint64_t max_bytes);
  void clear() { num_tables_ = num_by_table_ = 0; }

  /// 0: all items are the ladder's.
  uint32_t num_tables() const { return num_tables_; }
  uint32_t num_by_table() const { return num_by_table_; }
  uint32_t num_by_ladder() const { return num_ - num_by_table_; }
  PreparedShape shape() const { return shape_; }
  /// Of num_tables() tables, and what they are made from.
  uint64_t bytes() const { return num_tables_ * bytes_each(shape_); }

  /// item_of[num_tables()]: an item of each table's recipient; items, table_of[num_by_table()]: who goes by which, those of one
  /// table side by side; left[num_by_ladder()]. Once after arrange().
  void write(uint32_t* item_of, uint32_t* items, uint32_t* table_of, uint32_t* left);

 private:
  struct Group {
    uint32_t first, num;   // an item of it; how many
    uint32_t table, next;  // its table; where its next item goes
  };
  static constexpr uint32_t none = ~uint32_t(0);
  static uint64_t bytes_each(PreparedShape shape);
  bool make_room(uint32_t num);
  void gather(Strided keys, uint32_t from);

  uint32_t num_ = 0, num_groups_ = 0, capacity_ = 0;
  uint32_t num_tables_ = 0, num_by_table_ = 0;
  PreparedShape shape_{};
  std::unique_ptr<Group[]> groups_;
  std::unique_ptr<uint32_t[]> group_of_;  // an item's group, or none
  std::unique_ptr<uint32_t[]> slots_;     // open addressing: group plus one, 0 for none
};

}  // namespace megaseal::gpu
