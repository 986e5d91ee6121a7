#include "engine/plan.hpp"

#include <algorithm>

namespace megaseal {

Plan make_plan(const Dispatch& dispatch, uint32_t num_threads, uint32_t num_items, uint64_t num_bytes,
               ItemCost cost, uint32_t window) {
  if (num_items <= 1) return {1, num_items};
  // Waking a sleeping thread takes some 5 to 50 us; a tile should be worth more than that.
  constexpr uint64_t worth_waking = 25'000;
  const uint64_t average = num_bytes / num_items;
  const uint64_t per_item = cost.nanoseconds + (cost.by_length ? average / 2 : 0);

  uint64_t largest = std::max(dispatch.tile_items, 1u);
  // With several threads, two windows each, so that none waits long for another.
  if (window)
    largest = std::max(largest,
                       std::min<uint64_t>(window, num_threads == 1 ? window : num_items / (2 * num_threads)));
  const uint64_t smallest = std::clamp<uint64_t>((worth_waking + per_item - 1) / per_item, 1, largest);
  const uint64_t share = (uint64_t(num_items) + num_threads - 1) / num_threads;
  uint64_t tile = std::clamp(share, smallest, largest);
  tile = std::min((tile + dispatch.lanes - 1) / dispatch.lanes * dispatch.lanes, largest);
  return {uint32_t(tile), uint32_t((num_items + tile - 1) / tile)};
}

}  // namespace megaseal
