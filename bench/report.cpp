#include "bench/report.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <ostream>

#include "bench/clock.hpp"
#include "bench/harness.hpp"
#include "bench/peers/peers.hpp"
#include "megaseal/megaseal.h"

namespace megaseal::bench {
namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.find(':') + 2, line.size()));
  return "unknown";
}

// As far as the system says; virtual machines are not always right about the outermost.
std::string cache_sizes() {
  std::string all;
  for (const auto& cache : benchmark::CPUInfo::Get().caches)
    if (cache.type != "Instruction")
      all += (all.empty() ? "L" : ", L") + std::to_string(cache.level) + " " +
             std::to_string(cache.size / 1024) + " KiB";
  return all;
}

std::string backends() {
  std::string all;
  for (size_t i = 0; i < megaseal_num_backends(); i++) {
    megaseal_backend_info info{};
    info.struct_size = sizeof info;
    if (megaseal_get_backend_info(i, &info) != MEGASEAL_ERROR_NONE) continue;
    all += (all.empty() ? "" : ", ") + std::string(info.name);
    if (info.state != MEGASEAL_BACKEND_AVAILABLE) all += " (no: " + std::string(info.reason) + ")";
  }
  return all;
}

std::string peer_versions() {
  std::string all;
  for (const Peer& peer : peers()) all += (all.empty() ? "" : ", ") + peer.name + " " + peer.version;
  return all + MEGASEAL_BENCH_PEERS_MISSING;
}

std::string clock_now() {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f GHz, %.2f independent adds a cycle", probe_core().hz / 1e9,
                full_adds_per_cycle());
  return text;
}

// 1234567 → "1.23 M": four columns of figures should fit beside a long name.
std::string scaled(double value) {
  const char* unit = "";
  if (value >= 1e9)
    value /= 1e9, unit = " G";
  else if (value >= 1e6)
    value /= 1e6, unit = " M";
  else if (value >= 1e3)
    value /= 1e3, unit = " k";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f%s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
  return text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_setup() {
  return {
      {"cpu", cpu_model()},
      {"cache_sizes", cache_sizes()},
      {"cpu_features", megaseal_cpu_features()},
      {"clock", clock_now()},
      {"compiler", MEGASEAL_BENCH_COMPILER},
      {"flags", MEGASEAL_BENCH_FLAGS},
      {"megaseal", std::string(megaseal_version()) + "; backends " + backends()},
      {"peers", peer_versions()},
      {"batch", "1024 messages a call unless /batch:N, one thread unless /threads:N"},
      {"keys",
       "a fresh random key and nonce (or recipient) each; /shared: one for all; /recipients:N: N in turn"},
      {"copies",
       "none: inputs are read and outputs written where the caller has them, apart from one another"},
      {"working_set",
       "the same buffers every call; /cold: from memory, more than 256 MiB before any byte returns"},
      {"cycles", "time x the clock that a dependent-add chain shows beside each slice of the measurement"},
      {"samples",
       "median of repetitions; slices beside which independent adds ran below 95 % of full rate are retaken"},
  };
}

bool TableReporter::ReportContext(const Context&) {
  for (const auto& [key, value] : describe_setup()) GetOutputStream() << key << ": " << value << '\n';
  GetOutputStream() << std::flush;
  return true;
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  const auto value = [](const Run* run, const char* name) { return run->counters.at(name).value; };
  std::vector<const Run*> repetitions;
  for (const Run& run : runs)
    if (run.run_type == Run::RT_Iteration && !run.error_occurred) repetitions.push_back(&run);
  if (repetitions.empty()) return;
  // Disturbed repetitions count only where there are no others.
  const size_t all = repetitions.size();
  const auto disturbed = [&](const Run* run) { return value(run, "core_share") < undisturbed_share; };
  const auto rest = std::stable_partition(repetitions.begin(), repetitions.end(), std::not_fn(disturbed));
  if (rest != repetitions.begin()) repetitions.erase(rest, repetitions.end());
  std::sort(repetitions.begin(), repetitions.end(), [&](const Run* a, const Run* b) {
    return value(a, "cycles_per_message") < value(b, "cycles_per_message");
  });
  const Run* median = repetitions[repetitions.size() / 2];
  const double cycles = value(median, "cycles_per_message");
  const double spread =
      (value(repetitions.back(), "cycles_per_message") - value(repetitions.front(), "cycles_per_message")) /
      cycles;
  char line[256];
  if (std::exchange(first_, false)) {
    std::snprintf(line, sizeof line, "\n%-52s %10s %10s %11s %10s %9s %7s\n", "name", "messages/s", "bytes/s",
                  "ns/message", "cycles/msg", "cycles/B", "spread");
    GetOutputStream() << line;
  }
  const double messages = value(median, "items_per_second");
  std::snprintf(line, sizeof line, "%-52s %10s %10s %11.0f %10.0f %9.2f %6.1f%%",
                median->run_name.function_name.c_str(), scaled(messages).c_str(),
                scaled(value(median, "bytes_per_second")).c_str(), 1e9 / messages, cycles,
                value(median, "cycles_per_byte"), 100 * spread);
  GetOutputStream() << line;
  if (!median->report_label.empty()) GetOutputStream() << "  " << median->report_label;
  // Said aloud: such a figure is only an upper bound of the time.
  if (disturbed(median))
    GetOutputStream() << "  (disturbed: " << int(100 * value(median, "core_share") + 0.5)
                      << " % of the core)";
  else if (repetitions.size() < all)
    GetOutputStream() << "  (" << repetitions.size() << " of " << all << " repetitions undisturbed)";
  GetOutputStream() << std::endl;
}

void PlainNameJsonReporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> renamed = runs;
  for (Run& run : renamed) {
    benchmark::BenchmarkName plain;
    plain.function_name = run.run_name.function_name;
    run.run_name = plain;
  }
  JSONReporter::ReportRuns(renamed);
}

}  // namespace megaseal::bench
