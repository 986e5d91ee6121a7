// How much there is to do: with --quick one part in 2,048, which shows that all of it runs and gives the right results;
// its figures say nothing.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace megaseal::bench::gpu {

inline bool is_quick = false;

inline uint32_t scaled(uint64_t num) { return uint32_t(is_quick ? std::max<uint64_t>(num >> 11, 1) : num); }

}  // namespace megaseal::bench::gpu
