// megaseal bench: how fast this machine is, operation by operation.
#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "engine/cli/bench_work.hpp"
#include "engine/cli/energy.hpp"
#include "engine/cli/files.hpp"
#include "engine/cli/json_text.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/verbs.hpp"

namespace megaseal::cli {
namespace {

constexpr size_t kNumRepetitions = 7;
constexpr uint64_t kMaxBatchBytes = 1 << 30;

#ifdef __clang__
constexpr const char* kCompiler = __VERSION__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

struct Row {
  megaseal_operation operation;
  const char* backend;
  std::optional<uint64_t> len;  // none where messages play no part
  uint64_t calls;               // batches a repetition
  std::array<double, kNumRepetitions> seconds;
  std::optional<double> joules;  // of all repetitions

  double median = 0;  // seconds a message
  double spread = 0;  // of the median
  double messages_per_second = 0;
};

// ---------------------------------------------------------------------------------------------------------
// Which operations, on what
// ---------------------------------------------------------------------------------------------------------

// Those that a backend offers.
std::vector<megaseal_operation> wanted_operations(const megaseal_engine* engine,
                                                  const std::vector<std::string>& names) {
  std::vector<megaseal_operation> all;
  std::string known;
  for (int i = 0; i < MEGASEAL_OP_COUNT_; ++i) {
    if (megaseal_backend_name(engine, static_cast<megaseal_operation>(i)) == nullptr) continue;
    all.push_back(static_cast<megaseal_operation>(i));
    known += fmt::format("{}{}", known.empty() ? "" : ", ", megaseal_operation_name(all.back()));
  }
  if (names.empty()) return all;
  std::vector<megaseal_operation> wanted;
  for (const std::string& name : names) {
    const auto found =
        std::ranges::find_if(all, [&](megaseal_operation o) { return name == megaseal_operation_name(o); });
    if (found == all.end()) fail_usage("unknown operation {}; there are: {}", name, known);
    wanted.push_back(*found);
  }
  return wanted;
}

std::vector<uint64_t> wanted_sizes(const Options& options) {
  auto sizes = options.sizes.empty() ? std::vector<uint64_t>{64, 256, 1024} : options.sizes;
  // Sooner than the system, which would end some other process for want of memory.
  for (const uint64_t size : sizes) {
    if (size * options.batch > kMaxBatchBytes) {
      fail_usage("{} messages of {} bytes are more than a batch may hold here, {} bytes", options.batch, size,
                 kMaxBatchBytes);
    }
  }
  return sizes;
}

// The engine uses no backend that fails its self-test; whoever compares machines is to know that one did.
std::vector<std::string> failed_selftests(bool quiet) {
  std::vector<std::string> failed;
  for (size_t i = 0; i < megaseal_num_backends(); ++i) {
    megaseal_backend_info info{};
    info.struct_size = sizeof info;
    check(megaseal_get_backend_info(i, &info), "cannot list the backends");
    if (info.state != MEGASEAL_BACKEND_SELFTEST_FAILED) continue;
    failed.emplace_back(info.name);
    if (!quiet) tell("megaseal: warning: backend {} is not measured: {}", info.name, info.reason);
  }
  return failed;
}

// ---------------------------------------------------------------------------------------------------------
// Measuring
// ---------------------------------------------------------------------------------------------------------

double time_calls(Work& work, uint64_t calls) {
  size_t num_failed = 0;
  const auto start = std::chrono::steady_clock::now();
  for (uint64_t i = 0; i < calls; ++i) num_failed += work.run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (num_failed != 0) fail("{} items failed while they were timed: a defect", num_failed);
  return seconds.count();
}

// How many calls take `seconds`. Finding out also warms caches, clocks and threads.
uint64_t calls_for(Work& work, double seconds) {
  uint64_t calls = 1;
  double taken = time_calls(work, calls);
  while (taken < seconds / 10) taken = time_calls(work, calls *= 2);
  return std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(calls) * seconds / taken));
}

Row measure(const megaseal_engine* engine, megaseal_operation operation, std::optional<uint64_t> len,
            Work& work, const Options& options, EnergyMeter& meter) {
  const char* const name = megaseal_operation_name(operation);
  if (!work.right()) fail("{}: wrong results; nothing is timed", name);
  Row row{operation, megaseal_backend_name(engine, operation), len, 0, {}, {}};
  row.calls = calls_for(work, options.seconds / kNumRepetitions);
  meter.joules();
  if (meter.available()) row.joules = 0;
  for (double& seconds : row.seconds) {
    seconds = time_calls(work, row.calls);
    const auto joules = meter.joules();
    row.joules = row.joules && joules ? std::optional(*row.joules + *joules) : std::nullopt;
  }
  auto sorted = row.seconds;
  std::ranges::sort(sorted);
  const double middle = sorted[kNumRepetitions / 2];
  row.spread = (sorted.back() - sorted.front()) / middle;
  row.median = middle / static_cast<double>(row.calls * options.batch);
  row.messages_per_second = 1 / row.median;
  return row;
}

// ---------------------------------------------------------------------------------------------------------
// Showing
// ---------------------------------------------------------------------------------------------------------

std::optional<double> megabytes_per_second(const Row& row) {
  if (!row.len) return std::nullopt;
  return row.messages_per_second * static_cast<double>(*row.len) * 1e-6;
}

std::optional<double> joules_per_million(const Row& row, uint64_t batch) {
  if (!row.joules) return std::nullopt;
  return *row.joules * 1e6 / static_cast<double>(kNumRepetitions * row.calls * batch);
}

// "-" where there is no such figure.
template <class T>
std::string cell(fmt::format_string<T> format, const std::optional<T>& value) {
  return value ? fmt::format(format, T(*value)) : "-";
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  return "";
}

std::string text_head(bool energy) {
  const std::string model = cpu_model();
  return fmt::format(
      "megaseal {}, {}\ncpu       {}\nfeatures  {}\n"
      "Random messages, each with a key or recipient of its own; x25519_prepared: all for one, by\n"
      "table; hpke_export: of one context. Median of {} repetitions; spread: slowest less fastest, of\n"
      "the median. MB: 10^6 bytes of plaintext.{}\n\n"
      "{:<22} {:>8} {:>8} {:>7} {:>12} {:>11} {:>9} {:>7}{} backend\n",
      megaseal_version(), kCompiler, model.empty() ? "unknown" : model, megaseal_cpu_features(),
      kNumRepetitions,
      energy ? "\nJ/M: joules per million messages, of everything that runs on the machine." : "",
      "operation", "bytes", "batch", "threads", "messages/s", "ns/message", "MB/s", "spread",
      energy ? "      J/M" : "");
}

std::string text_row(const Row& row, const Options& options, uint32_t num_threads, bool energy) {
  return fmt::format(
      "{:<22} {:>8} {:>8} {:>7} {:>12.0f} {:>11.1f} {:>9} {:>6.1f}%{} {}\n",
      megaseal_operation_name(row.operation), cell<uint64_t>("{}", row.len), options.batch, num_threads,
      row.messages_per_second, row.median * 1e9, cell<double>("{:.1f}", megabytes_per_second(row)),
      row.spread * 100,
      energy ? fmt::format(" {:>8}", cell<double>("{:.2f}", joules_per_million(row, options.batch))) : "",
      row.backend);
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string json_head(const Options& options, uint32_t num_threads, const std::vector<std::string>& failed) {
  const std::string model = cpu_model();
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char timestamp[32];
  std::strftime(timestamp, sizeof timestamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
  std::string names;
  for (const std::string& name : failed) {
    if (!names.empty()) names += ',';
    append_json_string(names, name);
  }
  return fmt::format(
      "{{\"schema\":\"megaseal-bench-1\",\"version\":\"{}\",\"compiler\":{},\"timestamp\":\"{}\",\"cpu_"
      "model\":{},"
      "\"cpu_features\":{},\"threads\":{},\"forced\":{},\"selftest_failed\":[{}],\"results\":[",
      megaseal_version(), json_string(kCompiler), timestamp,
      model.empty() || !is_utf8(model) ? "null" : json_string(model), json_string(megaseal_cpu_features()),
      num_threads, options.backend.empty() ? "null" : json_string(options.backend), names);
}

std::string json_row(const Row& row, const Options& options, uint32_t num_threads) {
  std::string seconds;
  for (const double s : row.seconds) seconds += fmt::format("{}{:.9f}", seconds.empty() ? "" : ",", s);
  std::string out = fmt::format(
      "{{\"operation\":\"{}\",\"backend\":\"{}\",\"bytes\":{},\"batch\":{},\"threads\":{},"
      "\"calls_per_repetition\":{},\"repetition_seconds\":[{}],\"messages_per_second\":{:.1f},"
      "\"ns_per_message\":{:.3f},\"spread\":{:.4f}",
      megaseal_operation_name(row.operation), row.backend, row.len ? fmt::format("{}", *row.len) : "null",
      options.batch, num_threads, row.calls, seconds, row.messages_per_second, row.median * 1e9, row.spread);
  if (const auto rate = megabytes_per_second(row)) out += fmt::format(",\"mb_per_second\":{:.3f}", *rate);
  if (const auto energy = joules_per_million(row, options.batch))
    out += fmt::format(",\"joules_per_million\":{:.3f}", *energy);
  return out + "}";
}

}  // namespace

Exit run_bench(const Options& options) {
  const auto sizes = wanted_sizes(options);
  const Engine engine = make_engine(options);  // runs the self-tests
  const Engine prepared = make_engine(options.backend, options.threads, MEGASEAL_PREPARED_CACHE_DEFAULT);
  const auto operations = wanted_operations(engine.get(), options.operations);
  const auto failed = failed_selftests(options.quiet);
  const uint32_t num_threads = megaseal_engine_num_threads(engine.get());
  EnergyMeter meter;
  Output output("");
  std::string json = json_head(options, num_threads, failed);
  if (!options.json) output.write(text_head(meter.available()));

  const auto add_row = [&](megaseal_operation operation, std::optional<uint64_t> len) {
    megaseal_engine* const on = operation == MEGASEAL_OP_X25519_PREPARED ? prepared.get() : engine.get();
    const auto work = make_work(on, operation, options.batch, len.value_or(0));
    const Row row = measure(on, operation, len, *work, options, meter);
    if (options.json) {
      if (!json.ends_with('[')) json += ',';
      json += json_row(row, options, num_threads);
    } else {
      output.write(text_row(row, options, num_threads, meter.available()));
    }
  };
  for (const megaseal_operation operation : operations) {
    if (!takes_messages(operation)) {
      add_row(operation, std::nullopt);
    } else {
      for (const uint64_t size : sizes) add_row(operation, size);
    }
  }
  if (options.json) output.write(json + "]}\n");
  return Exit::done;
}

}  // namespace megaseal::cli
