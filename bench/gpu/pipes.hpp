// What a GPU's pipes do in a clock, and its copies in a second: measured before anything is said about how near to them a
// kernel comes.
#pragma once
#include <string>
#include <vector>

namespace megaseal::bench::gpu {

struct PipeRate {
  std::string name;
  double per_clock;  // operations of one thread, an SM and clock
};

/// Each pipe by itself, and pairs of pipes that should not be in each other's way (both counted).
std::vector<PipeRate> measure_pipes();

struct CopyRates {
  double device;                    // bytes/s read plus bytes/s written
  double to_device, from_device;    // bytes/s, pinned, one way at a time
  double duplex;                    // bytes/s each way, both at once
};
CopyRates measure_copies();

/// The SMs' clock in Hz while they work.
double sm_clock();

}  // namespace megaseal::bench::gpu
