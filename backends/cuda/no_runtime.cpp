// Stands in for cuda_runtime.cpp in builds without the CUDA toolkit.
#include "backends/cuda/runtime.hpp"

namespace megaseal::gpu {

Runtime* default_runtime() { return nullptr; }

}  // namespace megaseal::gpu
