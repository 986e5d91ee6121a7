// Which items of a window of a batch go by the table of their recipient, and in which order they are worked off.
#pragma once
#include <cstdint>
#include <memory>

#include "engine/dispatch.hpp"
#include "engine/prepared_cache.hpp"

namespace megaseal {

/// Builds tables, some at a time: they share their inversion, and lanes.
class TableBuilder {
 public:
  static constexpr uint32_t max = 128;
  TableBuilder(const Dispatch& dispatch, PreparedCache& cache) : dispatch_(dispatch), cache_(cache) {}

  bool full() const { return num_ == max; }
  uint32_t num() const { return num_; }
  /// Wants a table for `key`, of one size until build(). False where the cache has no place for it, or has it already.
  bool add(const uint8_t* key, uint64_t hash, uint32_t size, uint32_t worth);
  /// Builds what was added; done(i, pinned) for the i-th, with no table for a key that has none.
  template <class Done>
  void build(const Done& done) {
    run();
    for (uint32_t i = 0; i < num_; i++) {
      if (has_table_[i]) {
        done(i, cache_.publish(claims_[i]));
      } else {
        cache_.abandon(claims_[i], true);
        done(i, PreparedCache::Pinned{});
      }
    }
    num_ = 0;
  }

 private:
  void run();

  const Dispatch& dispatch_;
  PreparedCache& cache_;
  uint32_t num_ = 0;
  PreparedCache::Claim claims_[max];
  uint8_t keys_[max][32];
  uint8_t* tables_[max];
  uint8_t has_table_[max];
};

/// How many items of a tile go which way: first those of the ladder, then those of each size of table.
struct ByTable {
  uint32_t num_ladder = 0;
  uint32_t num[x25519_prepared_sizes] = {};
};

class RecipientGroups {
 public:
  /// For windows of up to `capacity` items. Throws std::bad_alloc.
  explicit RecipientGroups(uint32_t capacity);

  /// Where the caller puts the public key of each item, before arrange(): null for an item that will fail.
  const uint8_t** keys() { return keys_.get(); }
  /// Looks up, and builds where it pays, the tables of the first `num` items, and pins them until release(). Of
  /// `one_for_all`, keys()[0] is every item's.
  void arrange(const Dispatch& dispatch, PreparedCache& cache, uint32_t num, bool one_for_all);
  void release(PreparedCache& cache);

  /// Whether no item goes by a table; then the order is the items' own.
  bool all_by_ladder() const { return all_by_ladder_; }
  /// The item at a position of the order: items of one recipient together, those of the ladder first.
  uint32_t item(uint32_t position) const { return in_order_ ? position : order_[position]; }
  /// The table of an item, and its size; null: the ladder.
  const uint8_t* table(uint32_t item) const { return groups_[group_of_[item]].pinned.table; }
  uint32_t table_size(uint32_t item) const { return groups_[group_of_[item]].pinned.size; }

 private:
  struct Group {
    const uint8_t* key;
    uint64_t hash;
    uint32_t num;
    uint32_t seen;
    PreparedCache::Pinned pinned;
    // Whole vectors of a recipient go before the rests of all, so that lanes stay in step with recipients.
    uint32_t full, full_at, rest_at, placed;
  };
  void gather(PreparedCache& cache, uint32_t num, bool one_for_all);
  bool look_up(PreparedCache& cache);
  void build_what_pays(const Dispatch& dispatch, PreparedCache& cache);
  void build_some(const Dispatch& dispatch, PreparedCache& cache, uint32_t size, const uint32_t* wanted,
                  uint32_t num_wanted);
  void drop_small_classes(const PreparedCosts& costs, PreparedCache& cache, uint32_t num);
  void put_in_order(uint32_t lanes, uint32_t num);

  uint32_t num_groups_ = 0;
  bool all_by_ladder_ = true;
  bool in_order_ = true;
  std::unique_ptr<const uint8_t*[]> keys_;
  std::unique_ptr<Group[]> groups_;
  std::unique_ptr<uint32_t[]> group_of_;
  std::unique_ptr<uint32_t[]> order_;
  std::unique_ptr<uint32_t[]> slots_;  // open addressing: group plus one, 0 for none
};

}  // namespace megaseal
