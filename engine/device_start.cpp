#include "engine/device_start.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <thread>

#include "backends/fork_generation.hpp"
#include "engine/dispatch.hpp"
#include "engine/signals_blocked.hpp"

namespace megaseal {
namespace {

// What the costs belong to: another device or another choice of backends has others.
std::string machine_of(const BackendRow& row, const Dispatch& cpu) {
  std::string out = std::string(megaseal_version()) + ' ' + row.device->report().machine;
  for (const std::string& name : cpu.names) out += ' ' + (name.empty() ? "-" : name);
  std::ranges::replace(out, '\n', ' ');
  return out;
}

// A process that ends while a device is being started waits until the start has come to a stop, which it does before its
// next step: the driver and its runtime are taken down at a process's end, whoever is in them.
constinit std::atomic<bool> is_ending{false};
constinit std::atomic<uint32_t> num_starting{0};
constinit std::atomic<uint64_t> generation{0};  // of the process whose threads those are

void wait_for_starts() {
  is_ending.store(true);
  if (fork_generation() != generation.load()) return;
  for (uint32_t num; (num = num_starting.load()) != 0;) num_starting.wait(num);
}
// What is registered last is called first. False: out of memory.
bool wait_at_the_end() { return std::atexit(wait_for_starts) == 0; }

StartedDevice start_process_device() {
  const auto row = std::ranges::find_if(backend_rows(), [](const BackendRow& r) { return r.device; });
  if (row == backend_rows().end() || !row->table) return {.usable = false, .reason = "left out of this build"};
  // The runtime registers what takes it down when it is first used; the process has to wait before that, too.
  (void)row->device->start();
  (void)wait_at_the_end();
  if (is_ending) return {.usable = false, .reason = "the process is ending"};
  const BackendState* const state = process_device();
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
    return now.num_faults == num_faults && now.put_aside.empty() && !is_ending;
  };
  const DeviceCosts costs = kept_or_measured(*cpu, device, machine_of(*state->row, *cpu), are_of_the_device);
  if (is_ending) return {.usable = false, .reason = "the process is ending"};
  return {.usable = true, .reason = {}, .costs = costs};
}

}  // namespace

bool process_is_ending() { return is_ending.load(std::memory_order_relaxed); }

void DeviceStart::begin() {
  if (once_.is_begun() || begun_.exchange(true) || is_ending) return;
  if (!wait_at_the_end()) return;
  const uint64_t mine = fork_generation();
  if (generation.exchange(mine) != mine) num_starting = 0;  // a parent's threads are not here
  num_starting++;
  const auto end = [] {
    num_starting--;
    num_starting.notify_all();
  };
  const SignalsBlocked blocked;  // for the driver's threads, too, which this one starts
  try {
    std::thread([self = shared_from_this(), end]() mutable {
      try {
        (void)self->wait();
      } catch (const std::exception&) {
        // Out of memory: everything stays the CPU's.
      }
      self.reset();
      end();
    }).detach();
  } catch (const std::exception&) {
    end();  // no thread to be had: likewise
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
  static constinit Once<std::shared_ptr<DeviceStart>> start;
  return start.get(fork_generation(), [] {
    (void)process_dispatch();  // here, and not in a thread of which a fork could leave half behind
    return new std::shared_ptr<DeviceStart>(std::make_shared<DeviceStart>(start_process_device));
  });
}

}  // namespace megaseal
