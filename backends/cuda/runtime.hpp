// The few calls of a GPU's runtime that the backend makes, so that tests can put another in its place: one on the host
// (tests/cuda/host_runtime.hpp), or one whose calls fail where a test wants them to.
//
// Every call returns 0 or an error of the runtime, and may be made from several threads at once.
#pragma once
#include <cstddef>
#include <cstdint>

#include "backends/cuda/programs.hpp"

namespace megaseal::gpu {

/// What is waited for: a place in a stream. A CUDA event.
using Event = void*;

/// The errors that the backend tells apart; numbers as in cudaError.
enum : int { success = 0, error_out_of_memory = 2, error_not_ready = 600 };
/// How a thread's calls stand to captures of streams in other threads; numbers as in cudaStreamCaptureMode.
enum : int { capture_global = 0, capture_relaxed = 2 };

struct DeviceProperties {
  char name[128];
  int compute_major, compute_minor;
  uint64_t memory_bytes;
  bool is_prohibited;  // by whoever looks after the machine: nobody may use it
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  /// 1000 * major + 10 * minor; the driver's is 0 where there is none.
  virtual int versions(int* driver, int* runtime) = 0;
  virtual int num_devices(int* num) = 0;
  virtual int properties(DeviceProperties* out, int device) = 0;

  /// The device that the calling thread's following calls are for.
  virtual int current(int* device) = 0;
  virtual int use(int device) = 0;
  /// Sets the calling thread's mode, and says what it was. While anybody captures a stream in the global mode, which is
  /// the usual one, allocations and questions of threads in that mode fail, and spoil the capture; those of relaxed ones do not.
  virtual int exchange_capture_mode(int* mode) = 0;
  /// One that the application has left for its thread would be taken for a launch's. use() does this, too.
  virtual void forget_error() {}

  virtual int create_stream(Stream*) = 0;
  virtual int create_event(Event*) = 0;
  virtual int alloc_device(void**, size_t bytes) = 0;
  virtual int alloc_pinned(void**, size_t bytes) = 0;
  virtual int destroy_stream(Stream) = 0;
  virtual int destroy_event(Event) = 0;
  virtual int free_device(void*) = 0;
  virtual int free_pinned(void*) = 0;

  /// What a stream does in its turn; the calls return before it is done.
  virtual int upload(void* device, const void* pinned, size_t bytes, Stream) = 0;
  virtual int download(void* pinned, const void* device, size_t bytes, Stream) = 0;
  virtual int zero(void* device, size_t bytes, Stream) = 0;
  virtual int record(Event, Stream) = 0;
  virtual const Programs& programs() = 0;

  /// Whether what the stream is given is recorded, for a graph that does it later and again.
  virtual int capturing(Stream, bool* is_captured) = 0;

  /// Whether the stream has come to the event: error_not_ready until then. Never waits.
  virtual int query(Event) = 0;

  virtual const char* error_name(int error) = 0;
};

/// This build's: CUDA's, or null where it was built without the toolkit.
Runtime* default_runtime();

}  // namespace megaseal::gpu
