#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include <cstdio>

#include "backends/cuda/launches.hpp"
#include "backends/cuda/runtime.hpp"

namespace megaseal::gpu {
namespace {

// An error that a call of ours returned must not be found by the application's next cudaGetLastError().
int taken(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) (void)cudaGetLastError();
  return int(error);
}

cudaStream_t stream_of(Stream s) { return static_cast<cudaStream_t>(s); }
cudaEvent_t event_of(Event e) { return static_cast<cudaEvent_t>(e); }

class CudaRuntime final : public Runtime {
 public:
  int versions(int* driver, int* runtime) override {
    if (int e = taken(cudaDriverGetVersion(driver))) return e;
    return taken(cudaRuntimeGetVersion(runtime));
  }
  int num_devices(int* num) override { return taken(cudaGetDeviceCount(num)); }
  int properties(DeviceProperties* out, int device) override {
    cudaDeviceProp p;
    if (int e = taken(cudaGetDeviceProperties(&p, device))) return e;
    std::snprintf(out->name, sizeof out->name, "%.127s", p.name);
    out->compute_major = p.major;
    out->compute_minor = p.minor;
    out->memory_bytes = p.totalGlobalMem;
    int mode = cudaComputeModeDefault;
    if (int e = taken(cudaDeviceGetAttribute(&mode, cudaDevAttrComputeMode, device))) return e;
    out->is_prohibited = mode == cudaComputeModeProhibited;
    return success;
  }

  int current(int* device) override { return taken(cudaGetDevice(device)); }
  int use(int device) override {
    forget_error();
    return taken(cudaSetDevice(device));
  }

  int exchange_capture_mode(int* mode) override {
    auto of_thread = cudaStreamCaptureMode(*mode);
    const int e = taken(cudaThreadExchangeStreamCaptureMode(&of_thread));
    *mode = int(of_thread);
    return e;
  }
  void forget_error() override { (void)cudaGetLastError(); }

  int create_stream(Stream* out) override {
    cudaStream_t s;
    if (int e = taken(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking))) return e;
    *out = s;
    return success;
  }
  int create_event(Event* out) override {
    cudaEvent_t event;
    if (int e = taken(cudaEventCreateWithFlags(&event, cudaEventDisableTiming))) return e;
    *out = event;
    return success;
  }
  int alloc_device(void** out, size_t bytes) override { return taken(cudaMalloc(out, bytes)); }
  int alloc_pinned(void** out, size_t bytes) override {
    if (int e = taken(cudaHostAlloc(out, bytes, cudaHostAllocPortable))) return e;
    // Secrets pass through it. Where the system refuses, a core dump may hold those of the tiles in work.
    (void)madvise(*out, bytes, MADV_DONTDUMP);
    return success;
  }
  int destroy_stream(Stream s) override { return taken(cudaStreamDestroy(stream_of(s))); }
  int destroy_event(Event e) override { return taken(cudaEventDestroy(event_of(e))); }
  int free_device(void* p) override { return taken(cudaFree(p)); }
  int free_pinned(void* p) override { return taken(cudaFreeHost(p)); }

  int upload(void* device, const void* pinned, size_t bytes, Stream s) override {
    return taken(cudaMemcpyAsync(device, pinned, bytes, cudaMemcpyHostToDevice, stream_of(s)));
  }
  int download(void* pinned, const void* device, size_t bytes, Stream s) override {
    return taken(cudaMemcpyAsync(pinned, device, bytes, cudaMemcpyDeviceToHost, stream_of(s)));
  }
  int zero(void* device, size_t bytes, Stream s) override {
    return taken(cudaMemsetAsync(device, 0, bytes, stream_of(s)));
  }
  int record(Event e, Stream s) override { return taken(cudaEventRecord(event_of(e), stream_of(s))); }
  const Programs& programs() override {
    static const Programs all = {
        .put = device::launch_put,
        .chacha20_stream = device::launch_chacha20_stream,
        .x25519_shared = device::launch_x25519_shared,
        .x25519_public = device::launch_x25519_public,
        .x25519_prepare = device::launch_x25519_prepare,
        .x25519_prepared = device::launch_x25519_prepared,
        .hpke_schedule = device::launch_hpke_schedule,
        .chacha20poly1305_seal = device::launch_chacha20poly1305_seal,
        .chacha20poly1305_open = device::launch_chacha20poly1305_open,
        .secretbox_seal = device::launch_secretbox_seal,
        .secretbox_open = device::launch_secretbox_open,
        .cipher_order = device::launch_cipher_order,
        .sealedbox_keys = device::launch_sealedbox_keys,
    };
    return all;
  }
  int capturing(Stream s, bool* is_captured) override {
    cudaStreamCaptureStatus status;
    if (int e = taken(cudaStreamIsCapturing(stream_of(s), &status))) return e;
    *is_captured = status != cudaStreamCaptureStatusNone;
    return success;
  }
  int query(Event e) override { return taken(cudaEventQuery(event_of(e))); }
  const char* error_name(int error) override { return cudaGetErrorName(cudaError_t(error)); }
};

static_assert(int(cudaErrorNotReady) == error_not_ready &&
              int(cudaErrorMemoryAllocation) == error_out_of_memory);
static_assert(int(cudaStreamCaptureModeGlobal) == capture_global &&
              int(cudaStreamCaptureModeRelaxed) == capture_relaxed);

}  // namespace

Runtime* default_runtime() {
  static auto* const cuda = new CudaRuntime;  // never destroyed: at the process's end somebody may still be in a call
  return cuda;
}

}  // namespace megaseal::gpu
