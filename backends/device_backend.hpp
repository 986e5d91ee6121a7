// A backend that is a device beside the CPU. Its slots are called like any other's, with far larger tiles, and always do
// what they are asked: what the device fails to do is done on the CPU, by the slots it was told to leave such work to.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "kernels/table.hpp"

namespace megaseal {

struct DeviceReport {
  std::string machine;    // the device and its driver, in one line
  std::string put_aside;  // why no more tiles go to it; "" while they do
  uint64_t pinned_bytes = 0, device_bytes = 0, max_bytes = 0;
  uint64_t num_tiles = 0, num_faults = 0;  // tiles done, tiles left to the CPU
  uint32_t num_slots = 0, num_abandoned = 0;
};

/// All of it may be called from several threads at once.
struct DeviceBackend {
  /// Starts the device where that has not been tried, which may take a second. "" or why it cannot be used.
  std::string (*start)();
  /// Whether a tile would be begun at once, instead of waiting for others' to end.
  bool (*idle)();
  /// Before start(): the most memory to take, of the host's pinned and of the device's together. The last word before the start counts.
  void (*limit_memory)(uint64_t bytes);
  void (*leave_to)(const KernelTable& cpu);
  /// Tests each of its devices by `slots_fail`, which tries the slots and says what is wrong with them, or "": by itself, and
  /// with what is done for large tiles alone done for all. One that fails, or leaves something to the CPU, is put aside, and
  /// the others go on. "", or what was wrong where none is left.
  std::string (*test)(const std::function<std::string()>& slots_fail);
  DeviceReport (*report)();
};

}  // namespace megaseal
