#include "engine/cli/energy.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace megaseal::cli {
namespace {

template <class T>
std::optional<T> read_value(const std::string& path) {
  std::ifstream file(path);
  T value{};
  if (file >> value) return value;
  return std::nullopt;
}

}  // namespace

EnergyMeter::EnergyMeter(const std::string& root) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(root, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    // Packages alone: they contain their cores, and "psys" contains the packages. The same counters may
    // be there a second time as intel-rapl-mmio.
    if (!entry->path().filename().string().starts_with("intel-rapl:")) continue;
    if (!read_value<std::string>(path + "/name").value_or("").starts_with("package")) continue;
    const auto now = read_value<uint64_t>(path + "/energy_uj");
    if (!now) continue;
    packages_.push_back(
        {path + "/energy_uj", *now, read_value<uint64_t>(path + "/max_energy_range_uj").value_or(0)});
  }
}

std::optional<double> EnergyMeter::joules() {
  double sum = 0;
  bool whole = available();
  for (Package& package : packages_) {
    const auto now = read_value<uint64_t>(package.counter);
    if (!now || (*now < package.last && package.range < package.last)) {
      whole = false;
    } else {
      const uint64_t used = *now >= package.last ? *now - package.last : package.range - package.last + *now;
      sum += static_cast<double>(used) * 1e-6;
    }
    package.last = now.value_or(package.last);
  }
  return whole ? std::optional(sum) : std::nullopt;
}

}  // namespace megaseal::cli
