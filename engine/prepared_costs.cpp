#include "engine/prepared_costs.hpp"

#include <algorithm>

namespace megaseal {
namespace {

struct Row {
  std::string_view backend;
  PreparedCosts costs;
};

// Measured slot by slot, in time of the thread, on a Zen 5 server core with g++ 12; tiles of 256, of 128 for building.
// "apart" are 1,024 recipients in turn: with so many, tables come from beyond the second-level cache.
constexpr Row rows[] = {
    {"avx512ifma",
     {.lanes = 8,
      .ladder_alone = 750,
      .shared = {29, 25, 22},
      .apart = {46, 62, 72},
      .vector = {320, 290, 260},
      .build = {140, 190, 410},
      .build_alone = {1120, 1175, 1510}}},
    {"avx512",
     {.lanes = 8,
      .ladder_alone = 500,
      .shared = {30, 24, 20},
      .apart = {52, 57, 63},
      .vector = {360, 290, 240},
      .build = {129, 179, 405},
      .build_alone = {690, 720, 955}}},
    {"avx2",
     {.lanes = 4,
      .ladder_alone = 214,
      .shared = {31, 26, 22},
      .apart = {57, 48, 52},
      .vector = {205, 155, 120},
      .build = {127, 175, 370},
      .build_alone = {305, 325, 640}}},
    {"scalar",
     {.lanes = 1,
      .ladder_alone = 100,
      .shared = {37, 32, 28},
      .apart = {37, 32, 28},
      .vector = {37, 32, 28},
      .build = {112, 154, 330},
      .build_alone = {112, 154, 330}}},
};

}  // namespace

const PreparedCosts& prepared_costs(std::string_view name) {
  for (const Row& row : rows)
    if (row.backend == name) return row.costs;
  return std::end(rows)[-1].costs;
}

WorthBuilding table_worth_building(const PreparedCosts& costs, uint32_t num, uint32_t seen, uint32_t have,
                                   uint32_t largest) {
  const uint32_t now = have < x25519_prepared_sizes ? std::min(costs.by_table(have, num), 100u) : 100;
  const uint64_t expected = std::max(num, seen);
  WorthBuilding best{no_table_size, 0};
  uint64_t best_gain = 0;
  for (uint32_t size = have < x25519_prepared_sizes ? have + 1 : 0; size <= largest; size++) {
    const uint32_t then = costs.by_table(size, num);
    if (then >= now) continue;
    const uint64_t saved = expected * (now - then);
    if (saved > costs.build[size] && saved - costs.build[size] > best_gain) {
      best = {size, saved};
      best_gain = saved - costs.build[size];
    }
  }
  return best;
}

bool better_by_ladder(const PreparedCosts& costs, uint32_t size, uint32_t num, uint32_t num_ladder) {
  if (num >= costs.lanes) return false;
  const uint32_t lanes = costs.lanes;
  auto ladder = [&](uint32_t n) {
    const uint32_t full = n / lanes * lanes, rest = n - full;
    return uint64_t(full) * 100 + std::min(rest * costs.ladder_alone, rest ? lanes * 100 : 0);
  };
  return ladder(num_ladder + num) - ladder(num_ladder) <= costs.vector[size];
}

}  // namespace megaseal
