// The backend's programs on messages that lie in the GPU's memory, samples of each result checked against libsodium.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace megaseal::bench::gpu {

struct Measured {
  std::string name;
  double items_per_second = 0;
  double bytes_per_second = 0;  // of texts; 0 for what has none
  std::string wrong{};          // what was wrong with the results; then there are no figures
};

/// Each operation, one after the other; told(measured) as each is done.
void measure_resident(const std::function<void(const Measured&)>& told);

}  // namespace megaseal::bench::gpu
