#include <algorithm>
#include <cstdint>

#include "bench/gpu/cuda_check.hpp"
#include "bench/gpu/pipes.hpp"
#include "bench/gpu/scale.hpp"

namespace megaseal::bench::gpu {

CopyRates measure_copies() {
  const size_t bytes = scaled(uint64_t(1) << 30), host_bytes = scaled(uint64_t(256) << 20);
  CopyRates rates{};
  Stopwatch watch;
  {
    Buffer<uint8_t> a(bytes), b(bytes);
    MEGASEAL_CUDA(cudaMemset(a.data(), 1, bytes));
    for (int repeat = 0; repeat < 5; repeat++) {
      watch.start();
      MEGASEAL_CUDA(cudaMemcpyAsync(b.data(), a.data(), bytes, cudaMemcpyDeviceToDevice));
      rates.device = std::max(rates.device, 2.0 * double(bytes) / watch.stop());
    }
  }
  Buffer<uint8_t> in(host_bytes), out(host_bytes);
  Pinned<uint8_t> host_in(host_bytes), host_out(host_bytes);
  std::fill_n(host_in.data(), host_bytes, uint8_t(3));
  cudaStream_t up, down;
  MEGASEAL_CUDA(cudaStreamCreateWithFlags(&up, cudaStreamNonBlocking));
  MEGASEAL_CUDA(cudaStreamCreateWithFlags(&down, cudaStreamNonBlocking));
  for (int repeat = 0; repeat < 5; repeat++) {
    watch.start(up);
    MEGASEAL_CUDA(cudaMemcpyAsync(in.data(), host_in.data(), host_bytes, cudaMemcpyHostToDevice, up));
    rates.to_device = std::max(rates.to_device, double(host_bytes) / watch.stop(up));
    watch.start(down);
    MEGASEAL_CUDA(cudaMemcpyAsync(host_out.data(), out.data(), host_bytes, cudaMemcpyDeviceToHost, down));
    rates.from_device = std::max(rates.from_device, double(host_bytes) / watch.stop(down));
    // Both ways: the slower of the two ends the measurement.
    Stopwatch other;
    watch.start(up);
    other.start(down);
    MEGASEAL_CUDA(cudaMemcpyAsync(in.data(), host_in.data(), host_bytes, cudaMemcpyHostToDevice, up));
    MEGASEAL_CUDA(cudaMemcpyAsync(host_out.data(), out.data(), host_bytes, cudaMemcpyDeviceToHost, down));
    const double slower = std::max(watch.stop(up), other.stop(down));
    rates.duplex = std::max(rates.duplex, double(host_bytes) / slower);
  }
  MEGASEAL_CUDA(cudaStreamDestroy(up));
  MEGASEAL_CUDA(cudaStreamDestroy(down));
  return rates;
}

}  // namespace megaseal::bench::gpu
