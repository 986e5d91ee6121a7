// Energy used by the processor packages, where the system counts it (RAPL, under /sys/class/powercap).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace megaseal::cli {

/// Counts everything that runs on the machine, not this process alone. Reading it usually takes root.
class EnergyMeter {
 public:
  explicit EnergyMeter(const std::string& root = "/sys/class/powercap");

  bool available() const { return !packages_.empty(); }
  /// Joules since the last call, or since construction; none when a counter could not be read. The counters
  /// start again at zero now and then (after minutes at full power, at the soonest): call it more often.
  std::optional<double> joules();

 private:
  struct Package {
    std::string counter;
    uint64_t last;   // microjoules
    uint64_t range;  // what the counter reaches before it starts again; 0: unknown
  };
  std::vector<Package> packages_;
};

}  // namespace megaseal::cli
