// Whole batches from the host's memory to the host's memory, through the C ABI: with the GPU alone, with the CPU alone, and
// shared as an engine shares them.
#pragma once
#include <functional>

#include "bench/gpu/resident.hpp"

namespace megaseal::bench::gpu {

void measure_batches(const std::function<void(const Measured&)>& told);

}  // namespace megaseal::bench::gpu
