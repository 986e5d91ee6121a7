#pragma once
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace megaseal::bench::gpu {

inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}
#define MEGASEAL_CUDA(call) ::megaseal::bench::gpu::check((call), #call)

/// Memory of the device, or pinned memory of the host.
template <class T, bool kPinned = false>
class Buffer {
 public:
  explicit Buffer(size_t num) : num_(num) {
    void* p = nullptr;
    if constexpr (kPinned)
      MEGASEAL_CUDA(cudaMallocHost(&p, num * sizeof(T)));
    else
      MEGASEAL_CUDA(cudaMalloc(&p, num * sizeof(T)));
    p_ = static_cast<T*>(p);
  }
  Buffer(Buffer&& other) noexcept : p_(std::exchange(other.p_, nullptr)), num_(other.num_) {}
  ~Buffer() {
    if constexpr (kPinned)
      cudaFreeHost(p_);
    else
      cudaFree(p_);
  }
  T* data() const { return p_; }
  size_t size() const { return num_; }
  void upload(const T* from, size_t num) { MEGASEAL_CUDA(cudaMemcpy(p_, from, num * sizeof(T), cudaMemcpyHostToDevice)); }
  void download(T* to, size_t num) const { MEGASEAL_CUDA(cudaMemcpy(to, p_, num * sizeof(T), cudaMemcpyDeviceToHost)); }

 private:
  T* p_;
  size_t num_;
};
template <class T>
using Pinned = Buffer<T, true>;

/// Seconds between two points of a stream.
class Stopwatch {
 public:
  Stopwatch() {
    MEGASEAL_CUDA(cudaEventCreate(&begin_));
    MEGASEAL_CUDA(cudaEventCreate(&end_));
  }
  ~Stopwatch() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  void start(cudaStream_t stream = nullptr) { MEGASEAL_CUDA(cudaEventRecord(begin_, stream)); }
  double stop(cudaStream_t stream = nullptr) {
    MEGASEAL_CUDA(cudaEventRecord(end_, stream));
    MEGASEAL_CUDA(cudaEventSynchronize(end_));
    float ms = 0;
    MEGASEAL_CUDA(cudaEventElapsedTime(&ms, begin_, end_));
    return ms / 1000.0;
  }

 private:
  cudaEvent_t begin_, end_;
};

}  // namespace megaseal::bench::gpu
