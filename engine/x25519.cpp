// X25519 in batches (RFC 7748), and key generation.
#include <cstring>

#include "engine/engine.hpp"
#include "engine/ephemeral.hpp"
#include "engine/key_agreement_batch.hpp"
#include "engine/tiles.hpp"

namespace megaseal {
namespace {

// Whether `num` outputs of 32 bytes share memory with strided inputs.
bool overlaps(const uint8_t* out, uint64_t num, const uint8_t* in, size_t stride) {
  const auto o = reinterpret_cast<uintptr_t>(out), p = reinterpret_cast<uintptr_t>(in);
  const uint64_t out_len = num * 32, in_len = (num - 1) * stride + 32;
  return o < p ? p - o < out_len : o - p < in_len;
}

// Where one window of a call's items stands.
struct Items {
  Strided secrets, points;
  uint8_t* out;
  uint8_t* statuses;  // or null

  Items from(uint32_t first) const {
    return {{secrets.base + first * secrets.stride, secrets.stride},
            {points.base ? points.base + first * points.stride : nullptr, points.stride},
            out + 32 * size_t(first),
            statuses ? statuses + first : nullptr};
  }
};

// A tile of items side by side, all in one slot. Returns how many failed.
size_t run_slot(void (*slot)(const X25519Tile*), Workspace& w, uint32_t num, const Items& items) {
  std::memset(w.status, 0, num);
  const X25519Tile tile{
      .num = num, .secrets = items.secrets, .points = items.points, .out = items.out, .status = w.status};
  slot(&tile);
  size_t failed = 0;
  for (uint32_t k = 0; k < num; k++) failed += w.status[k] != MEGASEAL_OK;
  if (items.statuses) std::memcpy(items.statuses, w.status, num);
  return failed;
}

// A tile of shared secrets, some of them by table: positions [begin, end) of the groups' order. The ladder's are gathered,
// and their results carried home; a table's go straight to their places. Returns how many failed.
size_t run_by_table(const Dispatch& d, Workspace& w, uint32_t begin, uint32_t end, const Items& items) {
  const uint32_t num = end - begin;
  for (uint32_t k = 0; k < num; k++) w.index[k] = w.groups.item(begin + k);
  const ByTable by_table = tables_of(w, num, [&](uint32_t k) { return w.index[k]; });
  const uint32_t num_ladder = by_table.num_ladder;
  auto item = [&](uint32_t k) { return items.from(w.index[k]); };
  for (uint32_t k = num_ladder; k < num; k++) {
    w.prepared[k].secret = item(k).secrets.base;
    w.prepared[k].out = item(k).out;
    if (items.statuses) items.statuses[w.index[k]] = MEGASEAL_OK;
  }
  shared_by_table(d, by_table, w.prepared);
  if (num_ladder == 0) return 0;
  for (uint32_t k = 0; k < num_ladder; k++) {
    std::memcpy(w.secrets + 32 * size_t(k), item(k).secrets.base, 32);
    std::memcpy(w.recipients + 32 * size_t(k), item(k).points.base, 32);
  }
  const Items gathered{{w.secrets, 32}, {w.recipients, 32}, w.dh, nullptr};
  const size_t failed = run_slot(d.x25519_shared, w, num_ladder, gathered);
  for (uint32_t k = 0; k < num_ladder; k++) {
    std::memcpy(item(k).out, w.dh + 32 * size_t(k), 32);
    if (items.statuses) items.statuses[w.index[k]] = w.status[k];
  }
  return failed;
}

// Both operations: with points the shared secrets, without the public keys.
megaseal_error run(megaseal_engine* engine, uint8_t* out, uint8_t* out_statuses, size_t* out_num_failed,
                   size_t num_items, Strided secrets, const Strided* points) {
  if (out_num_failed) *out_num_failed = 0;
  if (!engine || num_items > UINT32_MAX) return MEGASEAL_ERROR_ARGUMENT;
  if (num_items == 0) return MEGASEAL_ERROR_NONE;
  if (!out || !secrets.base || !stride_ok(secrets.stride, 32, num_items)) return MEGASEAL_ERROR_ARGUMENT;
  if (points && (!points->base || !stride_ok(points->stride, 32, num_items))) return MEGASEAL_ERROR_ARGUMENT;
  if (overlaps(out, num_items, secrets.base, secrets.stride)) return MEGASEAL_ERROR_ARGUMENT;
  if (points && overlaps(out, num_items, points->base, points->stride)) return MEGASEAL_ERROR_ARGUMENT;

  const Dispatch& d = engine->dispatch;
  const Items all{secrets, points ? *points : Strided{}, out, out_statuses};
  PreparedCache* cache = points ? engine->prepared.get() : nullptr;
  auto in_one_slot = [&](Workspace& w, TileRange range) {
    return run_slot(points ? w.dispatch->x25519_shared : w.dispatch->x25519_public, w, range.size(),
                    all.from(range.begin));
  };
  auto grouped = [&](Workspace& w, TileRange window) {
    if (w.dispatch != &d) return in_one_slot(w, window);  // a device has no tables
    const Items items = all.from(window.begin);
    const uint32_t num_keys = points->stride == 0 ? 1 : window.size();
    for (uint32_t i = 0; i < num_keys; i++) w.groups.keys()[i] = items.from(i).points.base;
    w.groups.arrange(d, *cache, window.size(), points->stride == 0);
    size_t failed = 0;
    for (uint32_t begin = 0; begin < window.size(); begin += d.tile_items) {
      const uint32_t end = std::min(begin + d.tile_items, window.size());
      failed += w.groups.all_by_ladder() ? run_slot(d.x25519_shared, w, end - begin, items.from(begin))
                                         : run_by_table(d, w, begin, end, items);
    }
    w.groups.release(*cache);
    return failed;
  };
  const auto n = uint32_t(num_items);
  const ItemCost cost = cost_key_agreement(points ? DeviceWork::x25519_shared : DeviceWork::x25519_public);
  const size_t failed =
      !cache || is_new_alone(*cache, n, points->base)
          ? run_tiles(engine, n, 0, cost, 0, in_one_slot)
          : run_tiles(engine, n, 0, cost, 0, grouped, Scratch::secret, engine->window);
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

megaseal_error keygen(megaseal_engine* engine, uint8_t* out_publics, uint8_t* out_secrets, size_t num_items) {
  if (!engine || num_items > UINT32_MAX) return MEGASEAL_ERROR_ARGUMENT;
  if (num_items == 0) return MEGASEAL_ERROR_NONE;
  if (!out_publics || !out_secrets || overlaps(out_publics, num_items, out_secrets, 32))
    return MEGASEAL_ERROR_ARGUMENT;
  const WorkspacePool::Handle holder = engine->workspaces.take(0);
  Ephemerals secrets(*holder, nullptr);
  if (megaseal_error e = secrets.draw_seed()) return e;
  const ItemCost cost = cost_key_agreement(DeviceWork::x25519_public);
  run_tiles(engine, uint32_t(num_items), 0, cost, 0, [&](Workspace& w, TileRange range) {
    const Dispatch& d = *w.dispatch;
    uint8_t* mine = out_secrets + 32 * size_t(range.begin);
    secrets.stretch(d, mine, range.number, range.size());
    const X25519Tile tile{.num = range.size(),
                          .secrets = {mine, 32},
                          .points = {},
                          .out = out_publics + 32 * size_t(range.begin),
                          .status = nullptr};
    d.x25519_public(&tile);
    return size_t(0);
  });
  return MEGASEAL_ERROR_NONE;
}

}  // namespace
}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_x25519_batch(megaseal_engine* engine, uint8_t* out, uint8_t* out_statuses,
                                     size_t* out_num_failed, size_t num_items, const uint8_t* secrets,
                                     size_t secret_stride, const uint8_t* points, size_t point_stride) {
  const Strided p{points, point_stride};
  return no_throw([&] {
    return run(engine, out, out_statuses, out_num_failed, num_items, {secrets, secret_stride}, &p);
  });
}

megaseal_error megaseal_x25519_public_batch(megaseal_engine* engine, uint8_t* out, size_t num_items,
                                            const uint8_t* secrets, size_t secret_stride) {
  return no_throw([&] {
    return run(engine, out, nullptr, nullptr, num_items, {secrets, secret_stride}, nullptr);
  });
}

megaseal_error megaseal_keygen_batch(megaseal_engine* engine, uint8_t* out_publics, uint8_t* out_secrets,
                                     size_t num_items) {
  const megaseal_error e = no_throw([&] { return keygen(engine, out_publics, out_secrets, num_items); });
  // Nobody should mistake what was in the buffers before for fresh keys.
  if ((e == MEGASEAL_ERROR_RANDOM || e == MEGASEAL_ERROR_MEMORY) && out_publics && out_secrets) {
    std::memset(out_publics, 0, num_items * 32);
    std::memset(out_secrets, 0, num_items * 32);
  }
  return e;
}

}  // extern "C"
