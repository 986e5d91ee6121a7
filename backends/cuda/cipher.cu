#define MEGASEAL_ISA cuda
#include "backends/cuda/cipher.hpp"
#include "backends/cuda/kernel.cuh"
#include "backends/cuda/launches.hpp"

namespace megaseal::gpu::device {

namespace {

/// As many blocks as there is work for, which may be known to the device alone; `max_blocks` of them are there to do it.
template <class Program>
__global__ void __launch_bounds__(Program::block, Program::min_blocks)
    looping_kernel(const __grid_constant__ typename Program::Job job) {
  __shared__ typename Program::Shared shared;
  const cuda::u32 num_blocks = Program::num_blocks(job);
  for (cuda::u32 b = blockIdx.x; b < num_blocks; b += gridDim.x) {
    typename Program::Lane lane;
    cuda::run_phases<Program>(job, cuda::Place{b, num_blocks, threadIdx.x}, shared, lane);
    if (Program::phases > 1) __syncthreads();
  }
}

template <class Program>
int launch(const typename Program::Job& job, Stream stream) {
  const cuda::u32 blocks = Program::num_blocks(job);
  if (blocks == 0) return 0;
  cuda::kernel<Program><<<blocks, Program::block, 0, static_cast<cudaStream_t>(stream)>>>(job);
  return int(cudaGetLastError());
}

/// Where the device has counted the items: at most so many blocks as fill it several times over.
template <class Program>
int launch_part(const cuda::CipherPart& part, Stream stream) {
  cuda::CipherPart all = part;
  all.begin = all.end = nullptr;
  cuda::u32 blocks = Program::num_blocks(all);
  if (part.begin) {
    int device = 0, processors = 0;
    if (const cudaError_t error = cudaGetDevice(&device)) return int(error);
    if (const cudaError_t error = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device))
      return int(error);
    const cuda::u32 most = 4 * Program::min_blocks * cuda::u32(processors);
    blocks = blocks < most ? blocks : most;
  }
  looping_kernel<Program><<<blocks, Program::block, 0, static_cast<cudaStream_t>(stream)>>>(part);
  return int(cudaGetLastError());
}

template <bool kSeal, class Format>
int launch_parts(const CipherJob& job, Stream stream) {
  return cuda::cipher_parts<kSeal, Format>(job,
                                           [stream]<class Program>(Program, const cuda::CipherPart& part) {
                                             return launch_part<Program>(part, stream);
                                           });
}

}  // namespace

int launch_chacha20_stream(const StreamJob& job, Stream stream) {
  return launch<cuda::StreamProgram>(job, stream);
}
int launch_cipher_order(const OrderJob& job, Stream stream) {
  if (const cudaError_t error = cudaMemsetAsync(job.bins, 0, (3 * OrderJob::num_bins + 1) * sizeof *job.bins,
                                                static_cast<cudaStream_t>(stream)))
    return int(error);
  if (const int error = launch<cuda::OrderProgram<false>>(job, stream)) return error;
  return launch<cuda::OrderProgram<true>>(job, stream);
}
int launch_chacha20poly1305_seal(const CipherJob& job, Stream stream) {
  return launch_parts<true, cuda::AeadFormat>(job, stream);
}
int launch_chacha20poly1305_open(const CipherJob& job, Stream stream) {
  return launch_parts<false, cuda::AeadFormat>(job, stream);
}
int launch_secretbox_seal(const CipherJob& job, Stream stream) {
  return launch_parts<true, cuda::SecretboxFormat>(job, stream);
}
int launch_secretbox_open(const CipherJob& job, Stream stream) {
  return launch_parts<false, cuda::SecretboxFormat>(job, stream);
}

}  // namespace megaseal::gpu::device
