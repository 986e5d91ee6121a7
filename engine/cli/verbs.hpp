// The verbs: each does all its work and returns how it ended, or throws Failure.
#pragma once
#include "engine/cli/failure.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

Exit run_keygen(const Options& options);
Exit run_pub(const Options& options);
Exit run_seal(const Options& options);
Exit run_open(const Options& options);
Exit run_info(const Options& options);
Exit run_selftest(const Options& options);
Exit run_bench(const Options& options);

}  // namespace megaseal::cli
