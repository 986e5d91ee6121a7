// The engine, and the loop that every batch call runs: cut, lease scratch, hand tiles to threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "engine/batch_view.hpp"
#include "engine/dispatch.hpp"
#include "engine/hpke_suite.hpp"
#include "engine/plan.hpp"
#include "engine/prepared_cache.hpp"
#include "engine/scheduler.hpp"
#include "engine/workspace.hpp"
#include "megaseal/megaseal.h"

namespace megaseal {
/// Null where the backends have no tables, or there is no memory for any.
inline std::unique_ptr<PreparedCache> make_prepared_cache(const Dispatch& dispatch, size_t bytes,
                                                          const PreparedCache::Seed& seed) {
  if (!dispatch.x25519_prepared || bytes == 0) return nullptr;
  auto cache = std::make_unique<PreparedCache>(dispatch.prepared_bytes, bytes, seed);
  return cache->on() ? std::move(cache) : nullptr;
}
}  // namespace megaseal

struct megaseal_engine {
  /// `cache_bytes`: for tables of recipients; 0: none.
  megaseal_engine(megaseal::Dispatch d, uint32_t num_threads, size_t cache_bytes,
                  const megaseal::PreparedCache::Seed& seed)
      : dispatch(std::move(d)),
        hpke_empty(dispatch),
        prepared(megaseal::make_prepared_cache(dispatch, cache_bytes, seed)),
        window(prepared ? megaseal::window_tiles * dispatch.tile_items : 0),
        workspaces(dispatch.tile_items, window),
        scheduler(new megaseal::Scheduler(num_threads)) {}
  ~megaseal_engine() { megaseal::Scheduler::destroy(scheduler); }
  megaseal_engine(const megaseal_engine&) = delete;
  megaseal_engine& operator=(const megaseal_engine&) = delete;

  const megaseal::Dispatch dispatch;
  const megaseal::HpkeEmptyHashes hpke_empty;
  const std::unique_ptr<megaseal::PreparedCache> prepared;  // null: off
  const uint32_t window;  // items among which those of one recipient are looked for
  megaseal::WorkspacePool workspaces;
  megaseal::Scheduler* const scheduler;
};

namespace megaseal {

/// Items [begin, end) of the batch, with the scratch to work them in; `number` counts tiles from 0.
struct TileRange {
  uint32_t begin, end, number;
  uint32_t size() const { return end - begin; }
};

/// Whether the tiles of a call put secrets into their workspaces: wiping them takes a tenth of the time of short messages.
enum class Scratch { secret, unused };

/// Cuts `num_items` into tiles and calls work(workspace, range) for each, which returns how many items
/// failed. Returns their sum. Throws std::bad_alloc before the first tile or not at all; `work` must not
/// throw. With a `window` the ranges are up to that long, and `work` cuts them into tiles itself.
template <class Work>
size_t run_tiles(megaseal_engine* engine, uint32_t num_items, uint64_t num_bytes, ItemCost cost,
                 size_t text_len, const Work& work, Scratch scratch = Scratch::secret, uint32_t window = 0) {
  const Dispatch& d = engine->dispatch;
  const Plan plan = make_plan(d, engine->scheduler->num_threads(), num_items, num_bytes, cost, window);
  if (plan.num_tiles == 0) return 0;
  if (plan.num_tiles == 1) {
    // A message alone, or a handful: on the caller's thread, with nothing between it and the kernels.
    const WorkspacePool::Handle w = engine->workspaces.take(text_len);
    const size_t bad = work(*w, TileRange{0, num_items, 0});
    if (scratch == Scratch::secret) w->wipe_tile(std::min(num_items, d.tile_items));
    return bad;
  }
  WorkspaceLease lease(engine->workspaces, std::min(plan.num_tiles, engine->scheduler->num_threads()),
                       text_len);
  std::atomic<size_t> failed{0};
  engine->scheduler->run(plan.num_tiles, [&](uint32_t number) {
    const uint32_t begin = number * plan.tile;
    const uint32_t end = num_items - begin < plan.tile ? num_items : begin + plan.tile;
    Workspace& workspace = lease.get();
    const size_t bad = work(workspace, TileRange{begin, end, number});
    if (scratch == Scratch::secret) workspace.wipe_tile(std::min(end - begin, d.tile_items));
    lease.put_back(workspace);
    if (bad) failed.fetch_add(bad, std::memory_order_relaxed);
  });
  return failed.load(std::memory_order_relaxed);
}

/// Runs `body`, which returns a megaseal_error, and turns what it may throw into one: no exception crosses
/// the ABI.
template <class Body>
megaseal_error no_throw(const Body& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return MEGASEAL_ERROR_MEMORY;
  } catch (...) {
    return MEGASEAL_ERROR_MEMORY;  // what the standard library throws when the system is out of something
  }
}

/// Finishes the items of a tile by the statuses that the kernels left; returns how many failed.
inline size_t finish_items(const BatchView& view, const Workspace& w, uint32_t num) {
  size_t failed = 0;
  for (uint32_t k = 0; k < num; k++) {
    const auto status = megaseal_status(w.status[k]);
    if (status == MEGASEAL_OK) {
      view.succeed(w.index[k]);
    } else {
      view.fail(w.index[k], status);
      failed++;
    }
  }
  return failed;
}

}  // namespace megaseal
