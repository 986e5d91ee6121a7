// When a table pays: what was measured of each backend's ladder and tables, and the rules that follow from it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "kernels/table.hpp"

namespace megaseal {

/// Costs in percent of what the ladder takes for an item in full vectors.
struct PreparedCosts {
  uint32_t lanes;                               // items that an X25519 vector of this backend holds
  uint32_t ladder_alone;                        // the ladder of one item that no others stand beside
  uint32_t shared[x25519_prepared_sizes];       // an item by table, beside others of its recipient
  uint32_t apart[x25519_prepared_sizes];        // an item by table, beside those of other recipients
  uint32_t vector[x25519_prepared_sizes];       // a vector by table, however few items are in it
  uint32_t build[x25519_prepared_sizes];        // a table, beside as many others as there are lanes
  uint32_t build_alone[x25519_prepared_sizes];  // a table by itself

  /// An item of a recipient that has `num` of them in reach.
  uint32_t by_table(uint32_t size, uint32_t num) const { return num >= lanes ? shared[size] : apart[size]; }
};

/// Of the backend called `name`; an unknown one's are scalar's.
const PreparedCosts& prepared_costs(std::string_view name);

constexpr uint32_t no_table_size = x25519_prepared_sizes;

/// The table to build for a recipient of whom `num` messages are at hand and `seen` were counted lately (these among
/// them), who has one of size `have` (or no_table_size); no_table_size when none would pay. What came is taken for what
/// will come, so that no more is ever spent on a table than the lack of one has cost. `saved`: what it would save then.
/// `largest`: none larger.
struct WorthBuilding {
  uint32_t size;
  uint64_t saved;
};
WorthBuilding table_worth_building(const PreparedCosts& costs, uint32_t num, uint32_t seen, uint32_t have,
                                   uint32_t largest = x25519_prepared_sizes - 1);

/// Whether `num` tables of one size are worth building together, if all of them save `saved`. What would leave lanes idle
/// pays for them, or is built one by one.
inline bool worth_building_together(const PreparedCosts& costs, uint32_t size, uint32_t num, uint64_t saved) {
  const uint32_t rest = num % costs.lanes;
  const uint64_t vector = uint64_t(costs.lanes) * costs.build[size],
                 alone = uint64_t(rest) * costs.build_alone[size];
  return saved > num / costs.lanes * vector + std::min(vector, alone);
}

/// Whether `num` items of one recipient go faster by their table than among the other items of the ladder.
inline bool table_worth_using(const PreparedCosts& costs, uint32_t size, uint32_t num) {
  return costs.by_table(size, num) < 100;
}

/// Whether `num` items by tables of one size, few enough to leave lanes idle, had better go with the ladder's
/// `num_ladder` others.
bool better_by_ladder(const PreparedCosts& costs, uint32_t size, uint32_t num, uint32_t num_ladder);

}  // namespace megaseal
