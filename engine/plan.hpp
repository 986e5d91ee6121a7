// How a batch is cut into tiles.
#pragma once
#include <cstddef>
#include <cstdint>

#include "engine/dispatch.hpp"

namespace megaseal {

/// What a device may be asked to do instead of the CPU.
enum class DeviceWork : uint8_t {
  cipher,
  x25519_shared,
  x25519_public,
  hpke_seal,
  hpke_open,
  sealedbox_seal,
  sealedbox_open,
  none
};
inline constexpr size_t num_device_work = size_t(DeviceWork::none);

/// What one item costs, roughly, on the fastest backend: enough to tell work that pays for waking a thread.
struct ItemCost {
  uint32_t nanoseconds;  // whatever its length
  bool by_length;        // and then about half a nanosecond a byte
  DeviceWork device = DeviceWork::none;
};
inline constexpr ItemCost cost_cipher{40, true, DeviceWork::cipher};
constexpr ItemCost cost_key_agreement(DeviceWork work) { return {4000, true, work}; }
inline constexpr ItemCost cost_hash{1000, false};

struct Plan {
  uint32_t tile;  // items in each tile, the last perhaps fewer
  uint32_t num_tiles;
};

/// Tiles as large as the backends ask for, unless that would leave threads idle; then smaller ones, but never
/// so small that lanes idle or that a tile is worth less than the waking of a thread. A few cheap items make
/// one tile, which the caller's thread does itself. `num_bytes`: the batch's bytes, or 0 when not known. With a `window`
/// the pieces are up to that long, where enough are left for every thread: the longer, the more items of a recipient
/// come together in one.
Plan make_plan(const Dispatch& dispatch, uint32_t num_threads, uint32_t num_items, uint64_t num_bytes,
               ItemCost cost, uint32_t window = 0);

/// How many tiles a window has at most.
inline constexpr uint32_t window_tiles = 4;

}  // namespace megaseal
