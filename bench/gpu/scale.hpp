// How much there is to do. With --quick one message in 2,048 and one key in 64, and no engine that takes the GPU's measure
// first: that shows that what is measured runs and gives the right results; the figures say nothing.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace megaseal::bench::gpu {

inline bool is_quick = false;

inline uint32_t scaled(uint64_t num) { return uint32_t(is_quick ? std::max<uint64_t>(num >> 11, 1) : num); }

/// Of keys that messages are sealed to: no more than there are messages.
inline uint32_t scaled_keys(uint32_t keys, uint32_t messages) {
  return is_quick ? std::clamp(keys >> 6, 1u, messages) : keys;
}

}  // namespace megaseal::bench::gpu
