// Kernels for emulated_gpu_test.cpp: some that are right, and some with a fault that must be found.
#include "tests/cuda/emulated_gpu/planted.hpp"

using namespace megaseal::test;

namespace {
__device__ unsigned lane() { return blockIdx.x * blockDim.x + threadIdx.x; }
}  // namespace

extern "C" {

// ---- Right ----

__global__ void __launch_bounds__(planted_lanes) arithmetic(const __grid_constant__ Planted job) {
  const unsigned i = lane();
  if (i >= job.num) return;
  planted_arithmetic(job.out + i * planted_results, job.in[3 * i], job.in[3 * i + 1], job.in[3 * i + 2]);
}

// Each block's sum, by halves.
__global__ void __launch_bounds__(planted_lanes) sums(const __grid_constant__ Planted job) {
  __shared__ unsigned shared[planted_lanes];
  shared[threadIdx.x] = lane() < job.num ? job.in[lane()] : 0;
  for (unsigned half = planted_lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  __syncthreads();
  if (threadIdx.x == 0) job.out[blockIdx.x] = shared[0], atomicAdd(job.out + gridDim.x, shared[0]);
  __syncthreads();
  shared[threadIdx.x] = 0;
}

// ---- Wrong ----

__global__ void __launch_bounds__(planted_lanes) does_what_is_unknown(const __grid_constant__ Planted job) {
  job.out[lane()] = __float_as_uint(float(job.num) * 1.5f);
}
__global__ void __launch_bounds__(planted_lanes) reads_beyond(const __grid_constant__ Planted job) {
  job.out[lane()] = job.in[lane() + 1];
}
__global__ void __launch_bounds__(planted_lanes) writes_beyond(const __grid_constant__ Planted job) {
  job.out[lane() + 1] = 1;
}
__global__ void __launch_bounds__(planted_lanes) is_not_aligned(const __grid_constant__ Planted job) {
  reinterpret_cast<uint4*>(job.out + 1)[0] = uint4{1, 2, 3, 4};
}
__global__ void __launch_bounds__(planted_lanes)
    reads_what_nobody_wrote(const __grid_constant__ Planted job) {
  job.out[lane()] += 1;
}
__global__ void __launch_bounds__(planted_lanes)
    shares_what_nobody_wrote(const __grid_constant__ Planted job) {
  __shared__ unsigned shared[planted_lanes];
  if (threadIdx.x != 7) shared[threadIdx.x] = job.in[lane()];
  __syncthreads();
  job.out[lane()] = shared[threadIdx.x ^ 1];
}
// Nobody waits until the neighbour has written.
__global__ void __launch_bounds__(planted_lanes) does_not_wait(const __grid_constant__ Planted job) {
  __shared__ unsigned shared[planted_lanes];
  shared[threadIdx.x] = job.in[lane()];
  job.out[lane()] = reinterpret_cast<volatile unsigned*>(shared)[threadIdx.x ^ 1];
  __syncthreads();
  shared[threadIdx.x] = 0;
}
// Nor until it has read.
__global__ void __launch_bounds__(planted_lanes) overwrites(const __grid_constant__ Planted job) {
  __shared__ unsigned shared[planted_lanes];
  shared[threadIdx.x] = job.in[lane()];
  __syncthreads();
  job.out[lane()] = shared[threadIdx.x ^ 1];
  shared[threadIdx.x] = 0;
}
// A barrier holds for a block alone.
__global__ void __launch_bounds__(planted_lanes)
    reads_what_another_block_wrote(const __grid_constant__ Planted job) {
  job.out[lane()] = 1;
  __syncthreads();
  const unsigned other = lane() ^ planted_lanes;
  atomicAdd(job.out + gridDim.x * blockDim.x, reinterpret_cast<volatile unsigned*>(job.out)[other]);
}
__global__ void __launch_bounds__(planted_lanes) waits_for_some(const __grid_constant__ Planted job) {
  if (job.in[threadIdx.x] & 1) return;
  __syncthreads();
  job.out[lane()] = 1;
}
__global__ void __launch_bounds__(planted_lanes) waits_in_two_places(const __grid_constant__ Planted job) {
  if (job.in[threadIdx.x] & 1) {
    __syncthreads();
    job.out[lane()] = 1;
  } else {
    __syncthreads();
    job.out[lane()] = job.in[lane()] + 2;
  }
}
__global__ void __launch_bounds__(planted_lanes) leaves_something(const __grid_constant__ Planted job) {
  __shared__ unsigned shared[planted_lanes];
  shared[threadIdx.x] = job.in[lane()];
  __syncthreads();
  job.out[lane()] = shared[threadIdx.x ^ 1];
}
}
