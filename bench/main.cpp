// megaseal_bench [REGEX] [--json FILE] [--list] [--alone] [--stages] [Google Benchmark's options]
#include <benchmark/benchmark.h>
#include <sodium.h>

#include <cstdio>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "bench/alone.hpp"
#include "bench/harness.hpp"
#include "bench/report.hpp"
#include "bench/stages.hpp"
#include "bench/suites.hpp"

namespace {

constexpr const char* usage =
    "usage: megaseal_bench [REGEX] [--json FILE] [--list] [--benchmark_repetitions=N]\n"
    "       megaseal_bench --alone [REGEX]\n"
    "       megaseal_bench --stages [REGEX]\n"
    "REGEX is searched for in the names; a leading '-' negates it. FILE gets Google Benchmark's JSON.\n"
    "--alone compares few messages with libsodium's time at every length.\n"
    "--stages tells where the cycles of a sealed message go.\n";

struct Options {
  std::string filter, json;
  bool list = false, alone = false, stages = false;
  std::vector<std::string> rest;  // for Google Benchmark
};

// Takes `--name VALUE` and `--name=VALUE`.
bool take(std::string_view name, int& i, int argc, char** argv, std::string& value) {
  const std::string_view arg = argv[i];
  if (!arg.starts_with(name)) return false;
  if (arg.size() > name.size() && arg[name.size()] == '=') {
    value = arg.substr(name.size() + 1);
    return true;
  }
  if (arg != name || i + 1 == argc) return false;
  value = argv[++i];
  return true;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i++) {
    const std::string_view arg = argv[i];
    if (take("--benchmark_filter", i, argc, argv, options.filter)) continue;
    if (take("--benchmark_out", i, argc, argv, options.json)) continue;
    if (take("--json", i, argc, argv, options.json)) continue;
    if (arg == "--list" || arg.starts_with("--benchmark_list_tests")) {
      options.list = true;
    } else if (arg == "--alone") {
      options.alone = true;
    } else if (arg == "--stages") {
      options.stages = true;
    } else if (arg.starts_with("--benchmark_") || arg.starts_with("--v=")) {
      options.rest.emplace_back(arg);
    } else if (options.filter.empty() && !arg.starts_with("--")) {
      options.filter = arg;  // it may begin with one '-', which negates
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace megaseal::bench;
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(usage, stderr);
    return 2;
  }
  if (sodium_init() < 0) return 1;
  try {
    if (options.alone) return run_alone(options.filter);
    if (options.stages) return run_stages(options.filter);
    set_filter(options.filter);
  } catch (const std::regex_error& e) {
    std::fprintf(stderr, "megaseal_bench: %s: %s\n", options.filter.c_str(), e.what());
    return 2;
  }
  add_chacha20poly1305();
  add_x25519();
  add_sha256();
  add_hpke();
  add_contexts();
  add_prepared();
  add_sealedbox();
#ifdef MEGASEAL_BENCH_CLI
  add_cli();
#endif
  if (options.list) {
    for (const std::string& name : names()) std::puts(name.c_str());
    return 0;
  }
  if (names().empty()) {
    std::fprintf(stderr, "megaseal_bench: no name matches %s\n", options.filter.c_str());
    return 2;
  }

  // Filtering and naming are ours (see harness.cpp). What the caller says of repetitions comes later and wins.
  std::vector<std::string> args{argv[0], "--benchmark_filter=all", "--benchmark_repetitions=5"};
  args.insert(args.end(), options.rest.begin(), options.rest.end());
  if (!options.json.empty()) args.push_back("--benchmark_out=" + options.json);
  std::vector<char*> pointers;
  for (std::string& arg : args) pointers.push_back(arg.data());
  int count = int(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;

  for (const auto& [key, value] : describe_setup()) benchmark::AddCustomContext(key, value);
  TableReporter table;
  PlainNameJsonReporter json;
  const size_t ran = benchmark::RunSpecifiedBenchmarks(&table, options.json.empty() ? nullptr : &json);
  benchmark::Shutdown();
  return ran > 0 ? 0 : 1;
}
