// The part that every format sealed to a public key shares: gather the valid items of a tile, bring ephemeral
// keys and recipients together, let the format's tile run, carry the results home.
#pragma once
#include <cstring>

#include "engine/engine.hpp"
#include "engine/ephemeral.hpp"
#include "engine/recipient_view.hpp"

namespace megaseal {

/// Sets the tables of a tile's items, `item_of(k)` of the window, and counts them. They are in the groups' order.
template <class ItemOf>
ByTable tables_of(Workspace& w, uint32_t num, const ItemOf& item_of) {
  ByTable by_table;
  for (uint32_t k = 0; k < num; k++) {
    const uint32_t item = item_of(k);
    w.prepared[k].table = w.groups.table(item);
    if (w.prepared[k].table)
      by_table.num[w.groups.table_size(item)]++;
    else
      by_table.num_ladder++;
  }
  return by_table;
}

/// Asks for the line that is_new_alone() reads: before a call's seed is drawn, which takes as long as memory does.
inline void expect_alone(const PreparedCache* cache, uint32_t num_items, const RecipientView& to) {
  if (cache && num_items == 1) cache->prefetch_directory(cache->hash(to.key(0)));
}

/// Whether this is a message alone, and its recipient new to the cache.
inline bool is_new_alone(PreparedCache& cache, uint32_t num_items, const uint8_t* key) {
  return num_items == 1 && cache.is_new(cache.hash(key));
}

/// seal_tile(w, num, secrets, recipients, by_table) seals w.items[0..num) and writes w.enc; after(w, num) follows it
/// for every tile, statuses set. Returns how many items failed. `cache`: the tables to seal by, or null; a device, which
/// may do `device_work` instead of the CPU, has none.
template <class SealTile, class After>
size_t seal_to_recipients(megaseal_engine* engine, PreparedCache* cache, const BatchView& view,
                          const RecipientView& to, const Ephemerals& ephemerals, DeviceWork device_work,
                          const SealTile& seal_tile, const After& after) {
  const Dispatch& d = engine->dispatch;
  const ItemCost cost = cost_key_agreement(device_work);
  auto seal_some = [&](Workspace& w, uint32_t begin, uint32_t end, uint32_t number, const auto& item_at,
                       const auto& tables) {
    const uint32_t num =
        gather_items_at(view, w, begin, end, item_at, [&](uint32_t i, AeadItem&) { return to.status(i); });
    if (num > 0) {
      // A device makes them itself.
      const bool whole = (device_work == DeviceWork::hpke_seal && w.dispatch->hpke_seal) ||
                         (device_work == DeviceWork::sealedbox_seal && w.dispatch->sealedbox_seal);
      const bool by_seed = whole && !ephemerals.fixed();
      w.seed = by_seed ? ephemerals.seed(number, w.secrets) : EphemeralSeed{};
      if (!by_seed) ephemerals.fill(d, w.secrets, number, w.index, num);
      const ByTable* by_table = tables(num);
      seal_tile(w, num, Strided{w.secrets, 32}, to.gather(w, num), by_table);
      for (uint32_t k = 0; k < num; k++)
        if (w.status[k] == uint8_t(ItemStatus::ok))
          std::memcpy(view.front(w.items[k]), w.enc + 32 * size_t(k), 32);
    }
    after(w, num);
    return end - begin - num + finish_items(view, w, num);
  };
  auto by_ladder = [&](Workspace& w, TileRange range) {
    return seal_some(
        w, range.begin, range.end, range.number, [](uint32_t position) { return position; },
        [](uint32_t) { return static_cast<const ByTable*>(nullptr); });
  };
  if (!cache || is_new_alone(*cache, view.num_items(), to.key(0)))
    return run_tiles(engine, view.num_items(), view.num_bytes(), cost, 0, by_ladder);

  auto by_table = [&](Workspace& w, TileRange window) {
    if (w.dispatch != &d) return by_ladder(w, window);
    RecipientGroups& groups = w.groups;
    const uint32_t num_keys = to.one_for_all() ? 1 : window.size();
    for (uint32_t i = 0; i < num_keys; i++) {
      const uint32_t item = window.begin + i;
      groups.keys()[i] = to.status(item) == MEGASEAL_OK ? to.key(item) : nullptr;
    }
    groups.arrange(d, *cache, window.size(), to.one_for_all());
    size_t failed = 0;
    for (uint32_t begin = 0; begin < window.size(); begin += d.tile_items) {
      const uint32_t end = std::min(begin + d.tile_items, window.size());
      ByTable tables;
      // Where the tile begins numbers it, as windows may have any length.
      failed += seal_some(
          w, begin, end, window.begin + begin,
          [&](uint32_t position) { return window.begin + groups.item(position); },
          [&](uint32_t num) {
            if (groups.all_by_ladder()) return static_cast<const ByTable*>(nullptr);
            tables = tables_of(w, num, [&](uint32_t k) { return w.index[k] - window.begin; });
            return static_cast<const ByTable*>(&tables);
          });
    }
    groups.release(*cache);
    return failed;
  };
  return run_tiles(engine, view.num_items(), view.num_bytes(), cost, 0, by_table, Scratch::secret, engine->window);
}

/// open_tile(w, num, secrets, publics) opens w.items[0..num) with w.enc; `after` as above.
template <class OpenTile, class After>
size_t open_with_keys(megaseal_engine* engine, const BatchView& view, const SecretKeyView& with,
                      DeviceWork device_work, const OpenTile& open_tile, const After& after) {
  auto work = [&](Workspace& w, TileRange range) {
    const uint32_t num = gather_items(view, w, range.begin, range.end);
    if (num > 0) {
      Strided secrets, publics;
      with.gather(w, num, &secrets, &publics);
      for (uint32_t k = 0; k < num; k++) std::memcpy(w.enc + 32 * size_t(k), view.front(w.items[k]), 32);
      open_tile(w, num, secrets, publics);
    }
    after(w, num);
    return range.size() - num + finish_items(view, w, num);
  };
  return run_tiles(engine, view.num_items(), view.num_bytes(), cost_key_agreement(device_work), 0, work);
}

inline constexpr auto nothing_after = [](Workspace&, uint32_t) {};

}  // namespace megaseal
