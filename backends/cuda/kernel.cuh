// A program (backends/cuda/program.hpp) as a CUDA kernel.
#pragma once
#include <cuda_runtime.h>

#include "backends/cuda/program.hpp"

MEGASEAL_KERNELS_BEGIN

template <class Program, int kPhase = 0>
static __device__ __forceinline__ void run_phases(const typename Program::Job& job, Place place,
                                                  typename Program::Shared& shared, typename Program::Lane& lane) {
  Program::template run<kPhase>(job, place, shared, lane);
  if constexpr (kPhase + 1 < Program::phases) {
    __syncthreads();
    run_phases<Program, kPhase + 1>(job, place, shared, lane);
  }
}

template <class Program>
__global__ void __launch_bounds__(Program::block, Program::min_blocks) kernel(const __grid_constant__ typename Program::Job job) {
  __shared__ typename Program::Shared shared;
  typename Program::Lane lane;
  run_phases<Program>(job, Place{blockIdx.x, gridDim.x, threadIdx.x}, shared, lane);
}

MEGASEAL_KERNELS_END
