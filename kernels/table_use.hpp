// Which lanes of a vector use which table: for words whose lanes look up apart.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

template <int LANES>
struct TableUse {
  const u64* of_lane[LANES];
  // The same by runs of lanes that share a table, with a bit for each lane.
  int num;
  const u64* table[LANES];
  u32 lanes[LANES];
};

MEGASEAL_KERNELS_END
