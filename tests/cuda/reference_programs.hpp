// The programs of the CUDA backend, done by the scalar backend's slots: what packs tiles into jobs is tested apart from
// the device's code.
#pragma once
#include "backends/cuda/programs.hpp"

namespace megaseal::test {

const gpu::Programs& reference_programs();

}  // namespace megaseal::test
