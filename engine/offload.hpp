// What an engine gives to a device beside the CPU, and when.
//
// Nothing waits for a device. It is started in the background when the first batch comes that one could pay for, and until
// it has passed its self-test and its costs are known the CPU does everything; as it does what is too little to pay, what
// the device fails to do, and everything once the device has been put aside.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "engine/device_costs.hpp"
#include "engine/device_start.hpp"
#include "engine/dispatch.hpp"
#include "engine/plan.hpp"
#include "engine/workspace.hpp"

namespace megaseal {

class Offload {
 public:
  /// `start`: of the row's device. `cpu` outlives the object. Starts nothing; what is being started goes on without it.
  Offload(const BackendRow& row, std::shared_ptr<DeviceStart> start, const Dispatch& cpu,
          uint32_t num_threads);
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

  /// Starts it, where that has not been done, and waits. Throws std::bad_alloc.
  const StartedDevice& start_and_wait() { return start_->wait(); }
  DeviceReport report() const { return row_.device->report(); }
  /// Items of `len` bytes from which the device takes part in a batch; 0: never. 0 before it has started,
  /// too, and once it has been put aside.
  uint32_t crossover(DeviceWork work, uint64_t len) const;

 private:
  const BackendRow& row_;
  const std::shared_ptr<DeviceStart> start_;
  const Dispatch dispatch_;
  const uint32_t num_threads_;
  const uint64_t generation_;
  WorkspacePool workspaces_;
};

}  // namespace megaseal
