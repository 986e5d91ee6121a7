#include "engine/recipient_groups.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/prepared_costs.hpp"

namespace megaseal {

bool TableBuilder::add(const uint8_t* key, uint64_t hash, uint32_t size, uint32_t worth) {
  // Of this copy alone: whoever writes to the caller's keys meanwhile must not leave a table under another key's name, where
  // other calls would find it.
  std::memcpy(keys_[num_], key, 32);
  const PreparedCache::Claim claim = cache_.claim(keys_[num_], hash, size, worth);
  if (!claim.table) return false;
  claims_[num_] = claim;
  tables_[num_++] = claim.table;
  return true;
}

void TableBuilder::run() {
  if (num_ == 0) return;
  const X25519PrepareTile tile{.num = num_,
                               .size = claims_[0].size,
                               .points = {keys_[0], 32},
                               .tables = tables_,
                               .has_table = has_table_};
  dispatch_.x25519_prepare(&tile);
}

RecipientGroups::RecipientGroups(uint32_t capacity)
    : keys_(new const uint8_t*[capacity]),
      groups_(new Group[capacity]),
      group_of_(new uint32_t[capacity]),
      order_(new uint32_t[capacity]),
      slots_(new uint32_t[2 * std::bit_ceil(std::max(capacity, 1u))]) {}

void RecipientGroups::arrange(const Dispatch& dispatch, PreparedCache& cache, uint32_t num,
                              bool one_for_all) {
  const PreparedCosts& costs = *dispatch.prepared_costs;
  gather(cache, num, one_for_all || num == 1);
  const bool all_new = !look_up(cache);
  if (!all_new) {
    build_what_pays(dispatch, cache);
    drop_small_classes(costs, cache, num);
  }
  uint64_t hits = 0;
  for (uint32_t g = 0; g < num_groups_; g++)
    if (groups_[g].pinned.table) hits += groups_[g].num;
  cache.tally(hits, num - hits);
  all_by_ladder_ = hits == 0;
  in_order_ = all_by_ladder_ || num_groups_ == 1;
  if (!in_order_) put_in_order(costs.lanes, num);
}

void RecipientGroups::release(PreparedCache& cache) {
  for (uint32_t g = 0; g < num_groups_; g++)
    if (groups_[g].pinned.table) cache.unpin(groups_[g].pinned);
  num_groups_ = 0;
}

// One group for each distinct key.
void RecipientGroups::gather(PreparedCache& cache, uint32_t num, bool one_for_all) {
  num_groups_ = 0;
  auto new_group = [&](const uint8_t* key, uint64_t hash) {
    Group& group = groups_[num_groups_];
    group.key = key;
    group.hash = hash;
    group.num = 0;
    group.pinned = {};
    return num_groups_++;
  };
  if (one_for_all) {
    const uint32_t g = new_group(keys_[0], keys_[0] ? cache.hash(keys_[0]) : 0);
    groups_[g].num = num;
    std::fill_n(group_of_.get(), num, g);
    return;
  }
  const uint32_t mask = 2 * std::bit_ceil(num) - 1;
  std::fill_n(slots_.get(), mask + 1, 0);
  uint32_t failing = UINT32_MAX;  // the group of those without a key
  for (uint32_t i = 0; i < num; i++) {
    const uint8_t* key = keys_[i];
    if (!key) {
      if (failing == UINT32_MAX) failing = new_group(nullptr, 0);
      group_of_[i] = failing;
      groups_[failing].num++;
      continue;
    }
    const uint64_t hash = cache.hash(key);
    uint32_t at = uint32_t(hash) & mask;
    for (; slots_[at] != 0; at = (at + 1) & mask) {
      const Group& group = groups_[slots_[at] - 1];
      if (group.hash == hash && std::memcmp(group.key, key, 32) == 0) break;
    }
    if (slots_[at] == 0) {
      slots_[at] = new_group(key, hash) + 1;
      cache.prefetch(hash);
    }
    group_of_[i] = slots_[at] - 1;
    groups_[group_of_[i]].num++;
  }
}

// Whether any has a table, or could want one, which for a single message never pays. Those who seal to somebody new
// pass by the rest.
bool RecipientGroups::look_up(PreparedCache& cache) {
  bool any = false;
  for (uint32_t g = 0; g < num_groups_; g++) {
    Group& group = groups_[g];
    if (!group.key) continue;
    group.seen = cache.see(group.hash, group.num);
    group.pinned = cache.find(group.key, group.hash);
    any |= group.pinned.table || std::max(group.num, group.seen) > 1;
  }
  return any;
}

void RecipientGroups::build_what_pays(const Dispatch& dispatch, PreparedCache& cache) {
  const PreparedCosts& costs = *dispatch.prepared_costs;
  // A window builds no more than so many tables, so that no call waits long for them; the rest have their turn later.
  uint32_t wanted[x25519_prepared_sizes][TableBuilder::max];
  uint32_t num_wanted[x25519_prepared_sizes] = {};
  uint64_t saved[x25519_prepared_sizes] = {};
  // Where room is scarce a table for everybody is better than a large one for some.
  const uint32_t largest = cache.has_plenty() ? x25519_prepared_sizes - 1 : 0;
  for (uint32_t g = 0; g < num_groups_; g++) {
    Group& group = groups_[g];
    if (!group.key) continue;
    const bool has = group.pinned.table != nullptr;
    if (has && group.pinned.chosen) continue;
    const WorthBuilding worth =
        table_worth_building(costs, group.num, group.seen, has ? group.pinned.size : no_table_size, largest);
    if (worth.size == no_table_size || num_wanted[worth.size] == TableBuilder::max) continue;
    if (!has && cache.has_no_table(group.key)) continue;
    wanted[worth.size][num_wanted[worth.size]++] = g;
    saved[worth.size] += worth.saved;
  }
  for (uint32_t size = 0; size < x25519_prepared_sizes; size++)
    if (num_wanted[size] && worth_building_together(costs, size, num_wanted[size], saved[size]))
      build_some(dispatch, cache, size, wanted[size], num_wanted[size]);
  for (uint32_t g = 0; g < num_groups_; g++) {
    Group& group = groups_[g];
    if (!group.pinned.table || table_worth_using(costs, group.pinned.size, group.num)) continue;
    cache.unpin(group.pinned);
    group.pinned = {};
  }
}

void RecipientGroups::build_some(const Dispatch& dispatch, PreparedCache& cache, uint32_t size,
                                 const uint32_t* wanted, uint32_t num_wanted) {
  TableBuilder builder(dispatch, cache);
  uint32_t group_of[TableBuilder::max];
  // Where the cache has no room for one it has hardly any for the next, and looking for it takes time.
  uint32_t refused = 0;
  for (uint32_t i = 0; i < num_wanted && refused < 4; i++) {
    const Group& group = groups_[wanted[i]];
    group_of[builder.num()] = wanted[i];
    refused += !builder.add(group.key, group.hash, size, std::max(group.seen, group.num));
  }
  builder.build([&](uint32_t i, const PreparedCache::Pinned& pinned) {
    Group& group = groups_[group_of[i]];
    if (!pinned.table) return;
    if (group.pinned.table) cache.unpin(group.pinned);
    group.pinned = pinned;
  });
}

// A few items that would leave most of a vector idle.
void RecipientGroups::drop_small_classes(const PreparedCosts& costs, PreparedCache& cache, uint32_t num) {
  uint32_t by_size[x25519_prepared_sizes] = {}, by_ladder = num;
  for (uint32_t g = 0; g < num_groups_; g++) {
    if (!groups_[g].pinned.table) continue;
    by_size[groups_[g].pinned.size] += groups_[g].num;
    by_ladder -= groups_[g].num;
  }
  for (uint32_t size = 0; size < x25519_prepared_sizes; size++) {
    if (by_size[size] == 0 || !better_by_ladder(costs, size, by_size[size], by_ladder)) continue;
    for (uint32_t g = 0; g < num_groups_; g++) {
      Group& group = groups_[g];
      if (!group.pinned.table || group.pinned.size != size) continue;
      cache.unpin(group.pinned);
      group.pinned = {};
    }
    by_ladder += by_size[size];
  }
}

void RecipientGroups::put_in_order(uint32_t lanes, uint32_t num) {
  uint32_t at = 0;
  for (uint32_t g = 0; g < num_groups_; g++)
    if (!groups_[g].pinned.table) at += groups_[g].num;
  for (uint32_t size = 0; size < x25519_prepared_sizes; size++) {
    auto of_size = [&](const Group& group) { return group.pinned.table && group.pinned.size == size; };
    for (uint32_t g = 0; g < num_groups_; g++) {
      Group& group = groups_[g];
      if (!of_size(group)) continue;
      group.placed = 0;
      group.full = group.num / lanes * lanes;
      group.full_at = at;
      at += group.full;
    }
    for (uint32_t g = 0; g < num_groups_; g++) {
      Group& group = groups_[g];
      if (!of_size(group)) continue;
      group.rest_at = at;
      at += group.num - group.full;
    }
  }
  uint32_t ladder_at = 0;
  for (uint32_t i = 0; i < num; i++) {
    Group& group = groups_[group_of_[i]];
    if (!group.pinned.table) {
      order_[ladder_at++] = i;
      continue;
    }
    const uint32_t k = group.placed++;
    order_[k < group.full ? group.full_at + k : group.rest_at + (k - group.full)] = i;
  }
}

}  // namespace megaseal
