// What work costs on a device and on the CPU: measured once per machine, kept in a file, and what follows for a batch.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "engine/dispatch.hpp"
#include "engine/plan.hpp"

namespace megaseal {

/// The time of a tile is `call` + items · `item` + bytes · `byte`, in nanoseconds.
struct LinearCost {
  double call = 0, item = 0, byte = 0;
  double of(double items, double bytes) const { return call + items * item + bytes * byte; }
  /// What it grows by with the tile.
  double without_call(double items, double bytes) const { return items * item + bytes * byte; }
};

/// A kind of work on both sides: `cpu` of one thread, in time that it runs; `device` of all that it has, as one caller sees
/// it.
struct WorkCost {
  LinearCost cpu, device;

  /// Items of `bytes_each` from which a tile takes less time on the device than on the thread that would drive it;
  /// UINT32_MAX where none does.
  uint32_t crossover(double bytes_each) const;
  /// The part of a batch, between 0 and 1, that the device should get so that it and `num_threads` threads end together.
  double share(double items, double bytes, uint32_t num_threads) const;
};

struct DeviceCosts {
  std::array<WorkCost, num_device_work> work;

  /// Times both sides on messages that anybody may know, on a machine that may be busy. Some tenths of a second. Throws
  /// std::bad_alloc.
  static DeviceCosts measure(const Dispatch& cpu, const Dispatch& device);

  /// Lines of text; `machine` says whose costs these are.
  std::string text(const std::string& machine) const;
  /// False when `text` is not whole, or about another machine.
  bool read(const std::string& text, const std::string& machine);
};

/// The file's costs; or, where there is no file, or it tells of another machine, fresh ones, which are then kept in it. The
/// file is MEGASEAL_DEVICE_COSTS, or megaseal/device-costs in the user's cache (XDG_CACHE_HOME, ~/.cache). A file that
/// cannot be written is not missed. `worth_keeping` is asked after the measurement. A process that runs with more privileges
/// than its caller heeds none of these variables.
DeviceCosts kept_or_measured(const Dispatch& cpu, const Dispatch& device, const std::string& machine,
                             const std::function<bool()>& worth_keeping);

/// "seal", "shared" and so on: the names in the file and of `megaseal info`.
const char* device_work_name(DeviceWork work);

}  // namespace megaseal
