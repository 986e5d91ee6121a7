#include "engine/device_start.hpp"

#include <algorithm>
#include <exception>
#include <thread>

#include "backends/fork_generation.hpp"
#include "engine/dispatch.hpp"

namespace megaseal {
namespace {

// What the costs belong to: another device or another choice of backends has others.
std::string machine_of(const BackendRow& row, const Dispatch& cpu) {
  std::string out = std::string(megaseal_version()) + ' ' + row.device->report().machine;
  for (const std::string& name : cpu.names) out += ' ' + (name.empty() ? "-" : name);
  std::ranges::replace(out, '\n', ' ');
  return out;
}

StartedDevice start_process_device() {
  const BackendState* const state = process_device();
  if (!state) return {.usable = false, .reason = "left out of this build"};
  if (state->state != MEGASEAL_BACKEND_AVAILABLE) return {.usable = false, .reason = state->reason};
  // The choice of every engine that no backend is forced on, and others have no device beside them.
  const Dispatch* const cpu = process_dispatch();
  if (!cpu) return {.usable = false, .reason = "no backend works beside it"};
  const Dispatch device = beside(*cpu, *state->row->table);
  const DeviceBackend& backend = *state->row->device;
  // What the device failed to do was done by the CPU: times of that are not kept.
  const uint64_t num_faults = backend.report().num_faults;
  const auto are_of_the_device = [&] {
    const DeviceReport now = backend.report();
    return now.num_faults == num_faults && now.put_aside.empty();
  };
  return {.usable = true,
          .reason = {},
          .costs = kept_or_measured(*cpu, device, machine_of(*state->row, *cpu), are_of_the_device)};
}

}  // namespace

void DeviceStart::begin() {
  if (once_.is_begun() || begun_.exchange(true)) return;
  try {
    std::thread([self = shared_from_this()] {
      try {
        (void)self->wait();
      } catch (const std::exception&) {
        // Out of memory: everything stays the CPU's.
      }
    }).detach();
  } catch (const std::exception&) {
    // No thread to be had: likewise.
  }
}

const StartedDevice& DeviceStart::wait() {
  return once_.get(
      fork_generation(), [&] { return new StartedDevice(make_()); },
      [] {
        return new StartedDevice{.usable = false,
                                 .reason = "the process was forked while the device was being started"};
      });
}

std::shared_ptr<DeviceStart> process_device_start() {
  // Never destroyed: at the process's end its thread may still be at it.
  static const auto* const start =
      new std::shared_ptr<DeviceStart>(std::make_shared<DeviceStart>(start_process_device));
  return *start;
}

}  // namespace megaseal
