// megaseal info and megaseal selftest: what this machine and this build can do.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "engine/cli/files.hpp"
#include "engine/cli/json_text.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/verbs.hpp"

namespace megaseal::cli {
namespace {

// Asking runs the self-tests, once per process.
std::vector<megaseal_backend_info> backends() {
  std::vector<megaseal_backend_info> all(megaseal_num_backends());
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].struct_size = sizeof all[i];
    check(megaseal_get_backend_info(i, &all[i]), "cannot list the backends");
  }
  return all;
}

// The names are part of the --json interface.
std::string_view state_name(megaseal_backend_state state) {
  switch (state) {
    case MEGASEAL_BACKEND_AVAILABLE:
      return "available";
    case MEGASEAL_BACKEND_UNSUPPORTED:
      return "unsupported";
    case MEGASEAL_BACKEND_SELFTEST_FAILED:
      return "selftest-failed";
    case MEGASEAL_BACKEND_NOT_BUILT:
      return "not-built";
  }
  return "unknown";
}

std::string_view selftest_result(megaseal_backend_state state) {
  if (state == MEGASEAL_BACKEND_AVAILABLE) return "passed";
  return state == MEGASEAL_BACKEND_SELFTEST_FAILED ? "failed" : "not-run";
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string backends_json(const std::vector<megaseal_backend_info>& all) {
  std::string out;
  for (const megaseal_backend_info& backend : all) {
    out += fmt::format("{}{{\"name\":{},\"state\":\"{}\",\"selftest\":\"{}\",\"reason\":{}}}",
                       out.empty() ? "" : ",", json_string(backend.name), state_name(backend.state),
                       selftest_result(backend.state), json_string(backend.reason));
  }
  return "[" + out + "]";
}

// Whether standard output shows colours, and the user has nothing against them (no-color.org).
bool has_colour() {
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return (no_colour == nullptr || *no_colour == '\0') && ::isatty(STDOUT_FILENO) == 1 &&
         terminal != nullptr && std::string_view(terminal) != "dumb";
}

// A state in a column, green, yellow or red.
std::string state_text(megaseal_backend_state state, bool colour) {
  const std::string text = fmt::format("{:<17}", state_name(state));
  if (!colour) return text;
  const int code = state == MEGASEAL_BACKEND_AVAILABLE         ? 32
                   : state == MEGASEAL_BACKEND_SELFTEST_FAILED ? 31
                                                               : 33;
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

std::string backends_text(const std::vector<megaseal_backend_info>& all) {
  std::string out;
  const bool colour = has_colour();
  for (const megaseal_backend_info& backend : all) {
    const std::string_view reason =
        backend.state == MEGASEAL_BACKEND_AVAILABLE ? "self-test passed" : std::string_view(backend.reason);
    out += fmt::format("  {:<24}{}{}\n", backend.name, state_text(backend.state, colour), reason);
  }
  return out;
}

template <class Visit>
void for_each_operation(const megaseal_engine* engine, Visit visit) {
  for (int i = 0; i < MEGASEAL_OP_COUNT_; ++i) {
    const auto operation = static_cast<megaseal_operation>(i);
    const char* const backend = megaseal_backend_name(engine, operation);
    visit(operation, backend == nullptr ? "none" : backend);
  }
}

// The GPU that shares large batches, once it has been started.
megaseal_device_info device_of(const Engine& engine) {
  megaseal_device_info info{};
  info.struct_size = sizeof info;
  check(megaseal_engine_device_info(engine.get(), &info), "cannot ask for the device");
  return info;
}

std::string_view state_name(megaseal_device_state state) {
  switch (state) {
    case MEGASEAL_DEVICE_NONE:
      return "none";
    case MEGASEAL_DEVICE_READY:
      return "ready";
    case MEGASEAL_DEVICE_UNAVAILABLE:
      return "unavailable";
    case MEGASEAL_DEVICE_PUT_ASIDE:
      return "put-aside";
  }
  return "unknown";
}

// Lengths at which it is told from how many messages on a batch is shared.
constexpr size_t crossover_lens[] = {64, 1024, 16384};

std::string device_json(const Engine& engine, const megaseal_device_info& device) {
  std::string crossovers;
  for_each_operation(engine.get(), [&](megaseal_operation operation, std::string_view) {
    std::string of_operation;
    bool ever = false;
    for (const size_t len : crossover_lens) {
      const size_t from = megaseal_device_crossover(engine.get(), operation, len);
      ever |= from != 0;
      of_operation += fmt::format("{}\"{}\":{}", of_operation.empty() ? "" : ",", len, from);
    }
    if (!ever) return;
    crossovers += fmt::format("{}\"{}\":{{{}}}", crossovers.empty() ? "" : ",",
                              megaseal_operation_name(operation), of_operation);
  });
  return fmt::format("{{\"state\":\"{}\",\"name\":{},\"reason\":{},\"max_bytes\":{},\"shared_from\":{{{}}}}}",
                     state_name(device.state), json_string(device.name), json_string(device.reason),
                     device.max_bytes, crossovers);
}

std::string device_text(const Engine& engine, const megaseal_device_info& device) {
  if (device.state == MEGASEAL_DEVICE_NONE || device.state == MEGASEAL_DEVICE_UNAVAILABLE) return {};
  std::string out = fmt::format("\ndevice  {} ({}{}{}), {} MiB at most\n", device.name, state_name(device.state),
                                *device.reason ? ": " : "", device.reason, device.max_bytes >> 20);
  if (device.state != MEGASEAL_DEVICE_READY) return out;
  out += "\nshared with it from  ";
  for (const size_t len : crossover_lens) out += fmt::format("{:>12} B", len);
  out += " (messages a batch)\n";
  for_each_operation(engine.get(), [&](megaseal_operation operation, std::string_view) {
    std::string row;
    bool ever = false;
    for (const size_t len : crossover_lens) {
      const size_t from = megaseal_device_crossover(engine.get(), operation, len);
      ever |= from != 0;
      row += fmt::format("{:>14}", from == 0 ? "never" : std::to_string(from));
    }
    if (ever) out += fmt::format("  {:<24}{}\n", megaseal_operation_name(operation), row.substr(5));
  });
  return out;
}

}  // namespace

Exit run_info(const Options& options) {
  const Engine engine = make_engine(options);
  const auto all = backends();
  const megaseal_device_info device = device_of(engine);
  const uint32_t num_threads = megaseal_engine_num_threads(engine.get());
  std::string out;
  if (options.json) {
    std::string operations;
    for_each_operation(engine.get(), [&](megaseal_operation operation, std::string_view backend) {
      operations += fmt::format("{}\"{}\":\"{}\"", operations.empty() ? "" : ",",
                                megaseal_operation_name(operation), backend);
    });
    out = fmt::format(
        "{{\"version\":\"{}\",\"cpu\":{},\"threads\":{},\"forced\":{},\"backends\":{},\"operations\":{{{}}},"
        "\"device\":{}}}\n",
        megaseal_version(), json_string(megaseal_cpu_features()), num_threads,
        options.backend.empty() ? "null" : json_string(options.backend), backends_json(all), operations,
        device_json(engine, device));
  } else {
    out = fmt::format(
        "megaseal {}\n\ncpu features  {}\nthreads       {}\n\nbackends, best first\n{}\nused for{}\n",
        megaseal_version(), megaseal_cpu_features(), num_threads, backends_text(all),
        options.backend.empty() ? "" : fmt::format(", with {} forced", options.backend));
    for_each_operation(engine.get(), [&](megaseal_operation operation, std::string_view backend) {
      out += fmt::format("  {:<24}{}\n", megaseal_operation_name(operation), backend);
    });
    out += device_text(engine, device);
  }
  Output("").write(out);
  return Exit::done;
}

Exit run_selftest(const Options& options) {
  // A forced backend that failed its self-test is unavailable, and ends here with the reason.
  const Engine engine = make_engine(options);
  const auto all = backends();
  const bool passed = std::ranges::none_of(
      all, [](const auto& backend) { return backend.state == MEGASEAL_BACKEND_SELFTEST_FAILED; });
  if (options.json) {
    Output("").write(fmt::format("{{\"passed\":{},\"backends\":{}}}\n", passed, backends_json(all)));
  } else if (!options.quiet) {
    Output("").write(backends_text(all));
  }
  return passed ? Exit::done : Exit::failed;
}

}  // namespace megaseal::cli
