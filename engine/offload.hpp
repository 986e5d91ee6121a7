// What an engine gives to a device beside the CPU, and when.
//
// Nothing waits for a device. It is started in the background when the first batch comes that one could pay for, and until
// it has passed its self-test and its costs are known the CPU does everything; as it does what is too little to pay, what
// the device fails to do, and everything once the device has been put aside.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "engine/device_costs.hpp"
#include "engine/dispatch.hpp"
#include "engine/plan.hpp"
#include "engine/workspace.hpp"

namespace megaseal {

class Offload {
 public:
  /// Of this process's device. `cpu` outlives the object. Starts nothing.
  Offload(const BackendRow& row, const Dispatch& cpu, uint32_t num_threads);
  /// Of a device that was examined already, at costs that are known.
  Offload(const BackendState& examined, const Dispatch& cpu, uint32_t num_threads, const DeviceCosts& costs);
  ~Offload();
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;

  /// How a batch is shared with the device.
  struct Split {
    uint32_t num_drivers;  // threads that hand tiles to it
    uint32_t min_items;    // of a tile of its
    double share;          // of what is left to do, that it should get
    /// Of `left` items, how many the next tile takes; 0: none.
    uint32_t tile(uint32_t left, uint32_t tile_items) const;
  };
  /// num_drivers 0: all of it is the CPU's.
  Split split(DeviceWork work, uint32_t num_items, uint64_t num_bytes);

  /// Whether a tile would be begun at once.
  bool idle() const { return row_.device->idle(); }
  const Dispatch& dispatch() const { return dispatch_; }
  WorkspacePool& workspaces() { return workspaces_; }

  /// Starts it, where that has not been done, and waits. Whether it can be used; if not, reason() says why.
  bool start_and_wait();
  /// After start_and_wait().
  const std::string& reason() const { return reason_; }
  DeviceReport report() const { return row_.device->report(); }
  /// Items of `len` bytes from which the device takes part in a batch; 0: never. 0 before it has started, too.
  uint32_t crossover(DeviceWork work, uint64_t len) const;

 private:
  enum class State : uint32_t { cold, starting, ready, off };
  void start();
  void be_ready(const BackendState& examined, const DeviceCosts& costs);
  bool is_ready() const { return state_.load(std::memory_order_acquire) == State::ready; }

  const BackendRow& row_;
  const Dispatch& cpu_;
  const Dispatch dispatch_;
  const uint32_t num_threads_;
  const uint64_t generation_;
  WorkspacePool workspaces_;
  std::atomic<State> state_{State::cold};
  // Set before `ready` or `off`.
  DeviceCosts costs_;
  std::string reason_;
  std::thread* starter_ = nullptr;  // left behind in a forked child, where it does not run
};

}  // namespace megaseal
