// megaseal_gpu_bench: a GPU's pipes and copies, the backend's programs on messages in its memory, and whole batches from
// the host's memory through the C ABI, in one table beside what was hoped for. Needs a GPU; nothing else on the machine.
// With --quick it does a small part of that, to show that it runs (scale.hpp).
#include <sodium.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "bench/gpu/batches.hpp"
#include "bench/gpu/cuda_check.hpp"
#include "bench/gpu/pipes.hpp"
#include "bench/gpu/resident.hpp"
#include "bench/gpu/scale.hpp"

namespace {

using namespace megaseal::bench::gpu;

/// Operations or bytes a second of an H100 at 1.755 GHz, as the project set them out: the floor counts instructions, and the
/// others are steps towards it.
struct Goal {
  double floor, milestone, target, stretch;
  bool in_bytes = false;
};
constexpr double no_goal = 0;
const std::map<std::string, Goal> goals = {
    {"x25519_shared", {53e6, 20e6, 40e6, 55e6}},
    {"x25519_public", {267e6, 60e6, 140e6, 190e6}},
    {"hpke_seal 1 KiB", {40e6, 12e6, 26e6, 33e6}},
    {"hpke_open 1 KiB", {no_goal, 14e6, 30e6, 38e6}},
    {"chacha20poly1305_seal 256 B", {1.0e12, 250e9, 600e9, 750e9, true}},
    {"chacha20poly1305_seal 1 KiB", {1.2e12, 350e9, 750e9, 950e9, true}},
    {"chacha20poly1305_seal 16 KiB", {1.3e12, 450e9, 850e9, 1000e9, true}},
};

std::string cell(double value, double unit) {
  char text[32];
  if (value == no_goal) return "";
  std::snprintf(text, sizeof text, "%.*f", value / unit < 10 ? 2 : 0, value / unit);
  return text;
}

bool row(const Measured& m) {
  const auto goal = goals.find(m.name);
  const Goal g = goal == goals.end() ? Goal{} : goal->second;
  const bool by_bytes = goal == goals.end() ? m.bytes_per_second > 0 && m.name.find("hpke") == std::string::npos : g.in_bytes;
  const double unit = by_bytes ? 1e9 : 1e6;
  if (!m.wrong.empty()) {
    std::printf("| %s | WRONG: %s | | | | | |\n", m.name.c_str(), m.wrong.c_str());
  } else {
    char rate[64];
    std::snprintf(rate, sizeof rate, "%.1f", (by_bytes ? m.bytes_per_second : m.items_per_second) / unit);
    std::printf("| %s | %s | %s | %s | %s | %s | %s |\n", m.name.c_str(), by_bytes ? "GB/s" : "M/s", rate,
                cell(g.floor, unit).c_str(), cell(g.milestone, unit).c_str(), cell(g.target, unit).c_str(),
                cell(g.stretch, unit).c_str());
  }
  std::fflush(stdout);
  return m.wrong.empty();
}

int run() {
  int num_devices = 0;
  if (cudaGetDeviceCount(&num_devices) != cudaSuccess || num_devices == 0) {
    std::fprintf(stderr, "megaseal_gpu_bench: no CUDA device\n");
    return 77;
  }
  cudaDeviceProp device;
  MEGASEAL_CUDA(cudaGetDeviceProperties(&device, 0));
  int driver = 0, runtime = 0;
  MEGASEAL_CUDA(cudaDriverGetVersion(&driver));
  MEGASEAL_CUDA(cudaRuntimeGetVersion(&runtime));
  std::printf("%s, %d SMs at %.0f MHz under load, sm_%d%d; driver for CUDA %d.%d, runtime %d.%d; %u CPUs\n\n", device.name,
              device.multiProcessorCount, sm_clock() / 1e6, device.major, device.minor, driver / 1000,
              driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10, std::thread::hardware_concurrency());

  std::printf("| pipe | operations an SM and clock |\n|---|---|\n");
  for (const PipeRate& pipe : measure_pipes()) std::printf("| %s | %.1f |\n", pipe.name.c_str(), pipe.per_clock);
  const CopyRates copies = measure_copies();
  std::printf("\n| copy | GB/s |\n|---|---|\n| device to device, read + written | %.0f |\n| to the device, pinned | %.1f |\n"
              "| from the device, pinned | %.1f |\n| both at once, each way | %.1f |\n\n",
              copies.device / 1e9, copies.to_device / 1e9, copies.from_device / 1e9, copies.duplex / 1e9);
  std::fflush(stdout);

  bool right = true;
  std::printf("| in the GPU's memory | unit | measured | floor | milestone | target | stretch |\n|---|---|---|---|---|---|---|\n");
  measure_resident([&](const Measured& m) { right &= row(m); });
  std::printf("\n| from host to host, C ABI | unit | measured | | | | |\n|---|---|---|---|---|---|---|\n");
  measure_batches([&](const Measured& m) { right &= row(m); });
  std::printf("\nFloors and targets are of an H100 at 1,755 MHz. A duplex copy moves %.1f GB/s each way: host to host no cipher "
              "can go faster.\n",
              copies.duplex / 1e9);
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  is_quick = argc == 2 && std::strcmp(argv[1], "--quick") == 0;
  if (argc > 1 && !is_quick) {
    std::fprintf(stderr, "usage: megaseal_gpu_bench [--quick]\n");
    return 2;
  }
  if (sodium_init() < 0) return 1;
  try {
    return run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "megaseal_gpu_bench: %s\n", e.what());
    return 1;
  }
}
