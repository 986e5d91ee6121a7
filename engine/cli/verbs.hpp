// The verbs: each does all its work and returns how it ended, or throws Failure.
#pragma once
#include <cstddef>

#include "engine/cli/failure.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

class Cipher;

Exit run_keygen(const Options& options);
Exit run_pub(const Options& options);
Exit run_seal(const Options& options);
Exit run_open(const Options& options);
Exit run_info(const Options& options);
Exit run_selftest(const Options& options);
Exit run_bench(const Options& options);

/// What run_seal() and run_open() do, with any cipher. `block_len`: bytes of input to take at a time; `backend`:
/// the cipher's name, for the summary.
Exit seal_stream(const Options& options, const Cipher& cipher, size_t block_len, std::string_view backend);
Exit open_stream(const Options& options, const Cipher& cipher, size_t block_len, std::string_view backend);

}  // namespace megaseal::cli
