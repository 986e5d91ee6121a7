// CUDA's runtime as far as the backend calls it, over the emulated GPU: a program that is linked with this in front of
// cudart_static has a GPU, as far as everything of the backend's own can tell.
#include <cuda_runtime_api.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cuda/emulated_gpu/launch.hpp"
#include "tests/cuda/host_runtime.hpp"

namespace megaseal::test {
namespace {

// Never destroyed: at the process's end somebody may still be in a call. So many GPUs as EMULATED_GPUS says, or one.
HostRuntime& host() {
  static auto* const runtime = [] {
    const char* const wanted = std::getenv("EMULATED_GPUS");
    return new HostRuntime({}, wanted ? std::atoi(wanted) : 1);
  }();
  return *runtime;
}

int current_device() {
  int device = -1;
  (void)host().current(&device);
  return device;
}

/// The stream of those who name none: each device has one.
gpu::Stream stream_or_default(cudaStream_t stream) {
  if (stream) return stream;
  static std::mutex mutex;
  static auto* const streams = new std::map<int, gpu::Stream>;
  const std::lock_guard lock(mutex);
  gpu::Stream& its = (*streams)[current_device()];
  if (!its && host().create_stream(&its)) std::abort();
  return its;
}
/// Waits until the stream has come to this.
void wait_for(gpu::Stream stream) {
  std::promise<void> done;
  host().give(stream, [&] { done.set_value(); });
  done.get_future().wait();
}

thread_local cudaError_t last_error = cudaSuccess;
cudaError_t result(int error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = cudaError_t(error);
  return cudaError_t(error);
}

[[noreturn]] void unknown(const char* what, const char* name) {
  std::fprintf(stderr, "emulated GPU: %s that no PTX has: %s\n", what, name);
  std::abort();
}

// What the compiler registers of each module before main() begins: names of functions and of variables, by their addresses.
struct Names {
  std::mutex mutex;
  std::map<const void*, const char*> all;
};
Names& names() {
  static auto* const n = new Names;
  return *n;
}
const char* name_of(const void* p) {
  const std::lock_guard lock(names().mutex);
  const auto found = names().all.find(p);
  return found == names().all.end() ? nullptr : found->second;
}
void add_name(const void* p, const char* name) {
  const std::lock_guard lock(names().mutex);
  names().all[p] = name;
}

cudaError_t launch(const char* name, dim3 grid, dim3 block, void** arguments, size_t shared,
                   cudaStream_t stream) {
  const ptx::Kernel* const kernel = ptx::find_kernel(name);
  if (!kernel) unknown("a kernel", name);
  if (grid.x == 0 || grid.y != 1 || grid.z != 1 || block.x == 0 || block.x > kernel->max_lanes ||
      block.y != 1 || block.z != 1 || shared != 0)
    return result(cudaErrorInvalidConfiguration);
  const gpu::Stream in = stream_or_default(stream);
  const int device = host().device_of(in);
  if (device != current_device()) return result(cudaErrorInvalidResourceHandle);
  const auto* const bytes = static_cast<const uint8_t*>(arguments[0]);
  // As aligned as a parameter is.
  auto copy = std::make_shared<std::vector<uint64_t>>((kernel->parameter_size + 7) / 8);
  std::memcpy(copy->data(), bytes, kernel->parameter_size);
  host().give(in, [=] {
    ptx::launch(*kernel, grid.x, block.x, reinterpret_cast<const uint8_t*>(copy->data()), device);
  });
  return cudaSuccess;
}

/// When streams came to events.
using Clock = std::chrono::steady_clock;
struct Times {
  std::mutex mutex;
  std::map<cudaEvent_t, Clock::time_point> all;
};
Times& times() {
  static auto* const t = new Times;
  return *t;
}

thread_local struct {
  dim3 grid, block;
  size_t shared;
  cudaStream_t stream;
} configuration;

}  // namespace
}  // namespace megaseal::test

using namespace megaseal::test;

extern "C" {

// ---- What nvcc's own code calls ----

void** __cudaRegisterFatBinary(void* binary) { return static_cast<void**>(binary); }
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* function, char*, const char* name, int, uint3*, uint3*, dim3*,
                            dim3*, int*) {
  add_name(function, name);
}
void __cudaRegisterVar(void**, char* variable, char*, const char* name, int, size_t, int, int) {
  add_name(variable, name);
}
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, CUstream_st* stream) {
  configuration = {grid, block, shared, stream};
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  *grid = configuration.grid;
  *block = configuration.block;
  *shared = configuration.shared;
  std::memcpy(stream, &configuration.stream, sizeof configuration.stream);
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* out, const void* function) {
  const char* const name = name_of(function);
  if (!name) return result(cudaErrorInvalidDeviceFunction);
  std::memcpy(out, &name, sizeof name);
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t shared,
                               cudaStream_t stream) {
  return launch(reinterpret_cast<const char*>(kernel), grid, block, arguments, shared, stream);
}

// ---- What the backend calls ----

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, size_t shared,
                             cudaStream_t stream) {
  const char* const name = name_of(function);
  if (!name) return result(cudaErrorInvalidDeviceFunction);
  return launch(name, grid, block, arguments, shared, stream);
}
cudaError_t cudaGetSymbolAddress(void** out, const void* symbol) {
  const char* const name = name_of(symbol);
  if (!name) return result(cudaErrorInvalidSymbol);
  *out = ptx::find_table(name);
  if (!*out) unknown("a variable", name);
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t error) { return host().error_name(error); }

cudaError_t cudaDriverGetVersion(int* out) {
  *out = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* out) {
  *out = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* out) { return result(host().num_devices(out)); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* out, int device) {
  megaseal::gpu::DeviceProperties p;
  if (int e = host().properties(&p, device)) return result(e);
  std::memset(out, 0, sizeof *out);
  std::snprintf(out->name, sizeof out->name, "emulated GPU");
  out->major = 9;
  out->totalGlobalMem = p.memory_bytes;
  out->multiProcessorCount = 1;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* out, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrComputeMode:
      *out = cudaComputeModeDefault;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *out = 1;
      return cudaSuccess;
    default:
      return result(cudaErrorInvalidValue);
  }
}
cudaError_t cudaGetDevice(int* out) { return result(host().current(out)); }
cudaError_t cudaSetDevice(int device) { return result(host().use(device)); }
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  int of_thread = *mode;
  const int e = host().exchange_capture_mode(&of_thread);
  *mode = cudaStreamCaptureMode(of_thread);
  return result(e);
}
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* out) {
  *out = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* out, unsigned) {
  void* stream;
  if (int e = host().create_stream(&stream)) return result(e);
  *out = static_cast<cudaStream_t>(stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return result(host().destroy_stream(stream)); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned) {
  void* event;
  if (int e = host().create_event(&event)) return result(e);
  *out = static_cast<cudaEvent_t>(event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  {
    const std::lock_guard lock(times().mutex);
    times().all.erase(event);
  }
  return result(host().destroy_event(event));
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  host().give(stream_or_default(stream), [event] {
    const std::lock_guard lock(times().mutex);
    times().all[event] = Clock::now();
  });
  return result(host().record(event, stream_or_default(stream)));
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return result(host().query(event)); }

cudaError_t cudaMalloc(void** out, size_t bytes) {
  *out = ptx::allocate(bytes, current_device());
  return *out ? cudaSuccess : result(cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* p) {
  host().drain();
  return !p || ptx::release(static_cast<uint8_t*>(p)) ? cudaSuccess : result(cudaErrorInvalidValue);
}
cudaError_t cudaHostAlloc(void** out, size_t bytes, unsigned) {
  return result(host().alloc_pinned(out, bytes));
}
cudaError_t cudaFreeHost(void* p) { return result(host().free_pinned(p)); }
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const auto in = stream_or_default(stream);
  const int device = host().device_of(in);
  const bool is_up = kind == cudaMemcpyHostToDevice, is_down = kind == cudaMemcpyDeviceToHost;
  if (!is_up && !is_down && kind != cudaMemcpyDeviceToDevice) return result(cudaErrorInvalidMemcpyDirection);
  const auto place = [&](const void* p, bool is_host) -> uint8_t* {
    if (is_host) return host().is_pinned(p, bytes) ? static_cast<uint8_t*>(const_cast<void*>(p)) : nullptr;
    return ptx::seen_by_host(p, bytes, device);
  };
  uint8_t *const at = place(to, is_down), *const source = place(from, is_up);
  if (!at || !source) return result(cudaErrorInvalidValue);
  host().give(in, [=] {
    std::memcpy(at, source, bytes);
    if (!is_down) ptx::wrote(to, bytes);
  });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  const auto in = stream_or_default(stream);
  uint8_t* const at = ptx::seen_by_host(p, bytes, host().device_of(in));
  if (!at) return result(cudaErrorInvalidValue);
  host().give(in, [=] {
    std::memset(at, value, bytes);
    ptx::wrote(p, bytes);
  });
  return cudaSuccess;
}

// ---- What the benchmark calls beside that ----

const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }
cudaError_t cudaDeviceSynchronize() {
  host().drain();
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* out) { return cudaEventCreateWithFlags(out, 0); }
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  while (host().query(event) == cudaErrorNotReady) std::this_thread::yield();
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t begin, cudaEvent_t end) {
  const std::lock_guard lock(times().mutex);
  *ms = std::chrono::duration<float, std::milli>(times().all.at(end) - times().all.at(begin)).count();
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** out, size_t bytes) { return cudaHostAlloc(out, bytes, 0); }
cudaError_t cudaMemset(void* p, int value, size_t bytes) {
  const cudaError_t error = cudaMemsetAsync(p, value, bytes, nullptr);
  if (!error) wait_for(stream_or_default(nullptr));
  return error;
}
// Between the device's memory and any of the host's.
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const bool is_up = kind == cudaMemcpyHostToDevice;
  if (!is_up && kind != cudaMemcpyDeviceToHost) return result(cudaErrorInvalidMemcpyDirection);
  uint8_t* const at = ptx::seen_by_host(is_up ? to : from, bytes, current_device());
  if (!at) return result(cudaErrorInvalidValue);
  host().give(stream_or_default(nullptr), [=] {
    is_up ? std::memcpy(at, from, bytes) : std::memcpy(to, at, bytes);
    if (is_up) ptx::wrote(to, bytes);
  });
  wait_for(stream_or_default(nullptr));
  return cudaSuccess;
}
}
