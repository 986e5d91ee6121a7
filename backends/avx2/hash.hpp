// What the hashes of AVX2 are made of (measured; README.md has the figures).
#pragma once
#include "backends/avx2/word32.hpp"
#include "backends/scalar/word32.hpp"
#include "kernels/hash_groups.hpp"

MEGASEAL_KERNELS_BEGIN

struct HashTuning {
  static constexpr u32 max_few = 4;
  // Deeper than the frames below a slot, as -fstack-usage shows them: of one message, of a few, of many.
  static constexpr size_t one_dead_bytes = 2560, few_dead_bytes = 5632, many_dead_bytes = 8704;
};
using HashGroups = LaneGroups<W32, W32x4, W32x8, HashTuning>;

MEGASEAL_KERNELS_END
