#include "engine/prepared_costs.hpp"

#include <algorithm>

namespace megaseal {
namespace {

struct Row {
  std::string_view backend;
  PreparedCosts costs;
};

// Provisional, from prototypes; to be replaced by what the kernels measure.
constexpr Row rows[] = {
    {"avx512ifma",
     {.lanes = 8,
      .ladder_alone = 600,
      .shared = {36, 31, 28},
      .apart = {60, 55, 52},
      .build = {700, 900, 1600}}},
    {"avx512",
     {.lanes = 8,
      .ladder_alone = 400,
      .shared = {38, 33, 30},
      .apart = {60, 55, 52},
      .build = {700, 900, 1600}}},
    {"avx2",
     {.lanes = 4,
      .ladder_alone = 250,
      .shared = {40, 35, 32},
      .apart = {60, 55, 52},
      .build = {600, 800, 1500}}},
    {"scalar",
     {.lanes = 1,
      .ladder_alone = 100,
      .shared = {45, 40, 37},
      .apart = {45, 40, 37},
      .build = {500, 700, 1300}}},
};

}  // namespace

const PreparedCosts& prepared_costs(std::string_view name) {
  for (const Row& row : rows)
    if (row.backend == name) return row.costs;
  return std::end(rows)[-1].costs;
}

uint32_t table_worth_building(const PreparedCosts& costs, uint32_t num, uint32_t seen, uint32_t have) {
  const uint32_t now = have < x25519_prepared_sizes ? std::min(costs.by_table(have, num), 100u) : 100;
  const uint64_t expected = std::max(num, seen);
  uint32_t best = no_table_size;
  uint64_t best_gain = 0;
  for (uint32_t size = have < x25519_prepared_sizes ? have + 1 : 0; size < x25519_prepared_sizes; size++) {
    const uint32_t then = costs.by_table(size, num);
    if (then >= now) continue;
    const uint64_t saved = expected * (now - then);
    if (saved > costs.build[size] && saved - costs.build[size] > best_gain) {
      best = size;
      best_gain = saved - costs.build[size];
    }
  }
  return best;
}

bool better_by_ladder(const PreparedCosts& costs, uint32_t size, uint32_t num, uint32_t num_ladder) {
  if (num >= costs.lanes) return false;
  const uint32_t lanes = costs.lanes;
  const uint32_t a_vector = lanes * costs.apart[size];
  auto ladder = [&](uint32_t n) {
    const uint32_t full = n / lanes * lanes, rest = n - full;
    return uint64_t(full) * 100 + std::min(rest * costs.ladder_alone, rest ? lanes * 100 : 0);
  };
  return ladder(num_ladder + num) - ladder(num_ladder) <= a_vector;
}

}  // namespace megaseal
