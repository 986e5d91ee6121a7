#include "bench/harness.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <utility>
#include <vector>

#include "bench/clock.hpp"

namespace megaseal::bench {
namespace {

// A repetition collects slices of at least 2 ms until it has 10 ms of undisturbed ones, and is their median. Short
// slices keep the chance of a disturbance in each small; probing costs some 40 us a slice. On a machine that is never
// quiet the search ends; then the quarter of the slices with the largest share of the core has to do.
constexpr double slice_seconds = 2e-3, repetition_seconds = 10e-3, search_seconds = 80e-3;
constexpr size_t search_slices = 3;  // at least, however long each

struct Filter {
  std::regex regex;
  bool negated = false;
} filter;

std::vector<std::string> registered;

// Repetitions of one benchmark follow one another, so its inputs are made once and dropped when the next begins.
struct Running {
  std::string name;
  Case work;
  bool one_thread = true;
  size_t calls_per_slice = 1;
} current;

struct Slice {
  double seconds;  // a call
  double hz;
  double core_share;
  double cycles() const { return seconds * hz; }
};

struct Sample {
  Slice slice;
  size_t retaken;  // slices thrown away
};

Sample take_sample(const Running& r) {
  std::vector<Slice> slices;
  double undisturbed_seconds = 0;
  size_t undisturbed = 0;
  const double begin = now();
  CoreProbe before = probe_core();
  do {
    const double start = now(), process_start = process_seconds();
    for (size_t i = 0; i < r.calls_per_slice; i++) r.work.call.run();
    const double process_ran = process_seconds() - process_start, seconds = now() - start;
    const CoreProbe after = probe_core();
    // Other programs may also take the core in turn with us. The command hands the work of one thread on between several.
    // Where several work, some sleep now and then anyway, and nothing can be told from that.
    const double ran = r.one_thread ? std::min(1.0, process_ran / seconds) : 1;
    slices.push_back(
        {seconds / double(r.calls_per_slice), (before.hz + after.hz) / 2, ran * core_share(before, after)});
    if (slices.back().core_share >= undisturbed_share) {
      undisturbed_seconds += seconds;
      undisturbed++;
    }
    before = after;
  } while (undisturbed_seconds < repetition_seconds &&
           (slices.size() < search_slices || now() - begin < search_seconds));

  const size_t kept = std::max(undisturbed, (slices.size() + 3) / 4);
  std::sort(slices.begin(), slices.end(),
            [](const Slice& a, const Slice& b) { return a.core_share > b.core_share; });
  const auto middle = slices.begin() + std::ptrdiff_t(kept / 2), end = slices.begin() + std::ptrdiff_t(kept);
  std::nth_element(slices.begin(), middle, end,
                   [](const Slice& a, const Slice& b) { return a.cycles() < b.cycles(); });
  return {*middle, slices.size() - kept};
}

void run(benchmark::State& state, const std::string& name, const Shape& shape,
         const std::function<Case(const Shape&)>& make) {
  if (current.name != name) {
    current = {};
    current.name = name;
    current.work = make(shape);
    current.one_thread = shape.threads == 1;
    const double seconds = quick_time(current.work.call.run);
    current.calls_per_slice = size_t(std::max(1.0, std::ceil(slice_seconds / seconds)));
  }
  const Case& work = current.work;
  for ([[maybe_unused]] auto _ : state) {
    const Sample s = take_sample(current);
    state.SetIterationTime(s.slice.seconds);
    const double cycles = s.slice.cycles();
    auto& counters = state.counters;
    counters["items_per_second"] = work.messages / s.slice.seconds;
    counters["bytes_per_second"] = work.bytes / s.slice.seconds;
    counters["cycles_per_message"] = cycles / work.messages;
    counters["cycles_per_byte"] = work.bytes > 0 ? cycles / work.bytes : 0;
    counters["core_hz"] = s.slice.hz;
    counters["core_share"] = s.slice.core_share;
    counters["slices_retaken"] = double(s.retaken);
  }
  state.SetLabel(work.call.note);
}

}  // namespace

std::string Shape::suffix() const {
  std::string s = std::to_string(bytes);
  if (batch != 1024) s += "/batch:" + std::to_string(batch);
  if (shared) s += "/shared";
  if (threads != 1) s += "/threads:" + std::to_string(threads);
  if (recipients != 0) s += "/recipients:" + std::to_string(recipients);
  if (zipf) s += "/zipf";
  if (table != 0) s += std::string("/table:") + (table == 1 ? "small" : table == 2 ? "medium" : "large");
  if (mix) s += "/mix";
  if (cold) s += "/cold";
  return s;
}

void set_filter(const std::string& regex) {
  const bool negated = regex.starts_with('-');
  filter = {std::regex(negated ? regex.substr(1) : regex), negated};
}

void add(std::string_view operation, std::string_view implementation, const Shape& shape,
         std::function<Case(const Shape&)> make) {
  const std::string name = std::string(operation) + '/' + std::string(implementation) + '/' + shape.suffix();
  if (std::regex_search(name, filter.regex) == filter.negated) return;
  registered.push_back(name);
  // One iteration is one sample of our own making. The suffixes that Google Benchmark appends for that are taken off
  // again by the reporters.
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { run(state, name, shape, make); })
      ->Iterations(1)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

const std::vector<std::string>& names() { return registered; }

const std::string& running() { return current.name; }

void die(const std::string& why) {
  std::fprintf(stderr, "megaseal_bench: %s: %s\n", current.name.c_str(), why.c_str());
  std::exit(1);
}

double quick_time(const std::function<void()>& run) {
  double best = HUGE_VAL;
  const double end = now() + slice_seconds;
  do {
    const double start = now();
    run();
    best = std::min(best, now() - start);
  } while (now() < end);
  return best;
}

}  // namespace megaseal::bench
