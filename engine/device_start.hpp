// The start of a device: once, in the background, and shared by the engines of a process.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "backends/once.hpp"
#include "backends/registry.hpp"
#include "engine/device_costs.hpp"

namespace megaseal {

/// What a start has found.
struct StartedDevice {
  bool usable = false;
  std::string reason;  // "" when usable
  DeviceCosts costs{};
};

class DeviceStart : public std::enable_shared_from_this<DeviceStart> {
 public:
  /// `make` starts the device. It may take seconds, and refers to nothing that an engine owns: engines come and go
  /// meanwhile.
  explicit DeviceStart(std::function<StartedDevice()> make) : make_(std::move(make)) {}
  ~DeviceStart() { once_.forget(); }
  DeviceStart(const DeviceStart&) = delete;
  DeviceStart& operator=(const DeviceStart&) = delete;

  /// In a thread of its own, which keeps this alive and which nobody waits for but the process at its end. The first call
  /// alone does anything.
  void begin();
  /// Starts it, or waits for whoever is at it. Throws std::bad_alloc.
  const StartedDevice& wait();
  /// Null until it has ended.
  const StartedDevice* ended() const { return once_.made(); }

 private:
  const std::function<StartedDevice()> make_;
  Once<StartedDevice> once_;
  std::atomic<bool> begun_{false};
};

/// Whether the process waits, at its end, for starts to stop.
bool process_is_ending();

/// That of this process's device: its self-test, and then its costs beside the best of the CPU's.
std::shared_ptr<DeviceStart> process_device_start();

}  // namespace megaseal
