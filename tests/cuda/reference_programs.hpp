// The programs of the CUDA backend, done by the scalar backend's slots: what packs tiles into jobs is tested apart from
// the device's code.
#pragma once
#include <atomic>

#include "backends/cuda/programs.hpp"

namespace megaseal::test {

const gpu::Programs& reference_programs();

/// Ciphers' jobs since the start, with an order and without, and those of shared secrets by tables.
extern std::atomic<uint64_t> num_ordered_jobs, num_unordered_jobs, num_prepared_jobs;

}  // namespace megaseal::test
