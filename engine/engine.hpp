// The engine, and the loop that every batch call runs: cut, lease scratch, hand tiles to threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <optional>

#include "engine/batch_view.hpp"
#include "engine/dispatch.hpp"
#include "engine/hpke_suite.hpp"
#include "engine/offload.hpp"
#include "engine/plan.hpp"
#include "engine/prepared_cache.hpp"
#include "engine/scheduler.hpp"
#include "engine/secret_memory.hpp"
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
        workspaces(dispatch.tile_items, window, &dispatch),
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
  std::unique_ptr<megaseal::Offload> offload;  // null: no device; set before the engine is anybody's
};

namespace megaseal {

/// Items [begin, end) of the batch, with the scratch to work them in. `number` is no other tile's of the call.
struct TileRange {
  uint32_t begin, end, number;
  uint32_t size() const { return end - begin; }
};

/// Whether the tiles of a call put secrets into their workspaces: wiping them takes a tenth of the time of short messages.
enum class Scratch { secret, unused };

/// After a tile of `num` items, on the thread that did it.
inline void wipe_after(Workspace& workspace, Scratch scratch, uint32_t num) {
  if (scratch == Scratch::secret) workspace.wipe_tile(num);
  wipe_vector_registers();
}

/// Items [front, back) of a batch that nobody has taken yet: a device's tiles are taken from the front, the CPU's from the
/// back, so that each may go at its own pace until they meet.
class Rest {
 public:
  explicit Rest(uint32_t num_items) : ends_(num_items) {}
  /// A range of size(left) items, or an empty one where that, or what is left, is none.
  template <class Size>
  TileRange take(bool from_front, const Size& size) {
    uint64_t ends = ends_.load(std::memory_order_relaxed);
    for (;;) {
      const auto front = uint32_t(ends >> 32), back = uint32_t(ends);
      const uint32_t n = std::min(size(back - front), back - front);
      if (n == 0) return {front, front, front};
      const uint64_t less =
          from_front ? uint64_t(front + n) << 32 | back : uint64_t(front) << 32 | (back - n);
      if (!ends_.compare_exchange_weak(ends, less, std::memory_order_relaxed)) continue;
      const uint32_t begin = from_front ? front : back - n;
      return {begin, begin + n, begin};
    }
  }

 private:
  std::atomic<uint64_t> ends_;
};

/// run_tiles() where a device takes part. False where there is no memory for its tiles: nothing was done.
template <class Work>
bool run_tiles_beside(size_t* out_failed, megaseal_engine* engine, uint32_t num_items, const Plan& plan,
                      size_t text_len, const Work& work, Scratch scratch, Offload::Split split) {
  Offload& device = *engine->offload;
  const uint32_t num_threads = engine->scheduler->num_threads();
  std::optional<WorkspaceLease> cpu_lease, device_lease;
  try {
    cpu_lease.emplace(engine->workspaces, std::min(num_threads, plan.num_tiles), text_len);
    device_lease.emplace(device.workspaces(), split.num_drivers, text_len);
  } catch (const std::bad_alloc&) {
    return false;
  }
  Rest rest(num_items);
  std::atomic<size_t> failed{0};
  const auto run = [&](WorkspaceLease& lease, uint32_t tile_items, TileRange range) {
    Workspace& workspace = lease.get();
    const size_t bad = work(workspace, range);
    wipe_after(workspace, scratch, std::min(range.size(), tile_items));
    lease.put_back(workspace);
    if (bad) failed.fetch_add(bad, std::memory_order_relaxed);
  };
  engine->scheduler->run(num_threads, [&](uint32_t task) {
    for (;;) {
      if (task < split.num_drivers && device.idle()) {
        const uint32_t most = device.dispatch().tile_items;
        const TileRange range = rest.take(true, [&](uint32_t left) { return split.tile(left, most); });
        if (range.size() > 0) {
          run(*device_lease, most, range);
          continue;
        }
      }
      const TileRange range = rest.take(false, [&](uint32_t) { return plan.tile; });
      if (range.size() == 0) return;
      run(*cpu_lease, engine->dispatch.tile_items, range);
    }
  });
  *out_failed = failed.load(std::memory_order_relaxed);
  return true;
}

/// Cuts `num_items` into tiles and calls work(workspace, range) for each, which returns how many items
/// failed. Returns their sum. Throws std::bad_alloc before the first tile or not at all; `work` must not
/// throw. With a `window` the ranges are up to that long, and `work` cuts them into tiles itself; unless the workspace is
/// a device's, whose ranges are tiles.
template <class Work>
size_t run_tiles(megaseal_engine* engine, uint32_t num_items, uint64_t num_bytes, ItemCost cost,
                 size_t text_len, const Work& work, Scratch scratch = Scratch::secret, uint32_t window = 0) {
  const Dispatch& d = engine->dispatch;
  const Plan plan = make_plan(d, engine->scheduler->num_threads(), num_items, num_bytes, cost, window);
  if (plan.num_tiles == 0) return 0;
  if (engine->offload) {
    const Offload::Split split = engine->offload->split(cost.device, num_items, num_bytes);
    size_t failed;
    if (split.num_drivers > 0 &&
        run_tiles_beside(&failed, engine, num_items, plan, text_len, work, scratch, split))
      return failed;
  }
  if (plan.num_tiles == 1) {
    // A message alone, or a handful: on the caller's thread, with nothing between it and the kernels.
    const WorkspacePool::Handle w = engine->workspaces.take(text_len);
    const size_t bad = work(*w, TileRange{0, num_items, 0});
    wipe_after(*w, scratch, std::min(num_items, d.tile_items));
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
    wipe_after(workspace, scratch, std::min(end - begin, d.tile_items));
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
