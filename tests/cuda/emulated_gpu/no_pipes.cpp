// An emulated GPU has no pipes to measure.
#include "bench/gpu/pipes.hpp"

namespace megaseal::bench::gpu {
std::vector<PipeRate> measure_pipes() { return {}; }
double sm_clock() { return 0; }
}  // namespace megaseal::bench::gpu
