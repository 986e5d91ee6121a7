// Runtimes for tests. HostRuntime: the host's memory stands in for the device's, and each stream is a thread that does
// what it was given in its turn, so that whoever reads a result too early reads something else. FaultyRuntime: passes
// calls on to another one and fails those that a test names.
#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "backends/cuda/runtime.hpp"

namespace megaseal::test {

class HostRuntime final : public gpu::Runtime {
 public:
  /// `programs` run when they are called and are given no stream.
  explicit HostRuntime(const gpu::Programs& programs, int devices = 1);
  ~HostRuntime() override;

  struct Memory {
    std::unique_ptr<uint8_t[]> bytes;
    size_t size;
    int device;  // -1: pinned
  };
  /// Every allocation there is. Streams should be at rest.
  void for_each(const std::function<void(const Memory&)>& f);
  /// What is about to be freed.
  std::function<void(const Memory&)> on_free;
  /// The devices stop in the middle of whatever they do.
  void lose();
  /// Lets every stream come to its end.
  void drain();
  size_t num_streams(), num_events(), num_memories();
  /// Does something in the stream's turn.
  void give(gpu::Stream stream, std::function<void()> task);
  int device_of(gpu::Stream stream) const;
  bool is_pinned(const void* p, size_t bytes) { return holds(p, bytes, -1); }

  /// In the first call of a start.
  std::function<void()> on_start;
  /// The number of a device that nobody may use.
  int prohibited = -1;
  int driver_version = 13000, runtime_version = 13000, compute_major = 9;
  /// Whether streams are being captured, as far as anybody asks.
  bool is_captured = false;
  /// Whether somebody captures one, so that what is unsafe then fails for threads that are not relaxed.
  bool is_captured_elsewhere = false;
  /// Time that every program takes beside its own.
  std::chrono::microseconds program_time{0};

  int versions(int* driver, int* runtime) override;
  int num_devices(int* num) override;
  int properties(gpu::DeviceProperties* out, int device) override;
  int current(int* device) override;
  int use(int device) override;
  int exchange_capture_mode(int* mode) override;
  int create_stream(gpu::Stream*) override;
  int create_event(gpu::Event*) override;
  int alloc_device(void**, size_t bytes) override;
  int alloc_pinned(void**, size_t bytes) override;
  int destroy_stream(gpu::Stream) override;
  int destroy_event(gpu::Event) override;
  int free_device(void*) override;
  int free_pinned(void*) override;
  int upload(void* device, const void* pinned, size_t bytes, gpu::Stream) override;
  int download(void* pinned, const void* device, size_t bytes, gpu::Stream) override;
  int zero(void* device, size_t bytes, gpu::Stream) override;
  int record(gpu::Event, gpu::Stream) override;
  const gpu::Programs& programs() override;
  int capturing(gpu::Stream, bool* out) override;
  int query(gpu::Event) override;
  const char* error_name(int error) override;

 private:
  bool disturbs_a_capture() const;
  struct HostStream;
  struct HostEvent {
    HostStream* stream = nullptr;
    uint64_t number = 0;
  };
  template <auto kMember, class Job>
  static int launch(const Job& job, gpu::Stream stream);
  int alloc(void** out, size_t bytes, int device);
  int free(void* p, bool pinned);
  bool holds(const void* p, size_t bytes, int device);

  const gpu::Programs inner_;
  const int devices_;
  std::mutex mutex_;
  std::vector<Memory> memories_;
  std::vector<std::unique_ptr<HostStream>> streams_;
  std::vector<std::unique_ptr<HostEvent>> events_;
};

enum class Call {
  versions,
  num_devices,
  properties,
  current,
  use,
  exchange_capture_mode,
  create_stream,
  create_event,
  alloc_device,
  alloc_pinned,
  destroy_stream,
  destroy_event,
  free_device,
  free_pinned,
  upload,
  download,
  zero,
  record,
  launch,
  capturing,
  query,
  num
};

class FaultyRuntime final : public gpu::Runtime {
 public:
  explicit FaultyRuntime(gpu::Runtime& inner) : inner_(inner) {}

  /// Faults to come; calls are counted from 1. A call that fails does nothing.
  struct Plan {
    Call kind = Call::num;  // num: any kind but query
    uint64_t first = 0;     // of that kind; 0: never
    uint64_t last = 0;      // 0: only the first; ~0: for good
    int error = 999;
    uint64_t hung_record = 0;       // the event that this call records never comes
    uint64_t last_hung_record = 0;  // 0: no other; ~0: nor those that follow
    std::function<void()> on_fault = {};
  };
  void set(Plan plan);
  uint64_t num_calls(Call kind);
  /// Of any kind but query.
  uint64_t num_calls();

  int versions(int* driver, int* runtime) override;
  int num_devices(int* num) override;
  int properties(gpu::DeviceProperties* out, int device) override;
  int current(int* device) override;
  int use(int device) override;
  int exchange_capture_mode(int* mode) override;
  int create_stream(gpu::Stream*) override;
  int create_event(gpu::Event*) override;
  int alloc_device(void**, size_t bytes) override;
  int alloc_pinned(void**, size_t bytes) override;
  int destroy_stream(gpu::Stream) override;
  int destroy_event(gpu::Event) override;
  int free_device(void*) override;
  int free_pinned(void*) override;
  int upload(void* device, const void* pinned, size_t bytes, gpu::Stream) override;
  int download(void* pinned, const void* device, size_t bytes, gpu::Stream) override;
  int zero(void* device, size_t bytes, gpu::Stream) override;
  int record(gpu::Event, gpu::Stream) override;
  const gpu::Programs& programs() override;
  int capturing(gpu::Stream, bool* out) override;
  int query(gpu::Event) override;
  const char* error_name(int error) override { return inner_.error_name(error); }

 private:
  struct FaultyStream {
    FaultyRuntime* runtime;
    gpu::Stream inner;
  };
  struct FaultyEvent {
    gpu::Event inner;
    bool hung = false;
  };
  template <auto kMember, class Job>
  static int launch(const Job& job, gpu::Stream stream);
  int fault(Call kind);

  gpu::Runtime& inner_;
  std::mutex mutex_;
  Plan plan_;
  std::array<uint64_t, size_t(Call::num)> counts_{};
  uint64_t count_ = 0;
  std::vector<std::unique_ptr<FaultyStream>> streams_;
  std::vector<std::unique_ptr<FaultyEvent>> events_;
};

}  // namespace megaseal::test
