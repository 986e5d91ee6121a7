// Few messages beside libsodium, at every length: the promise is to be no slower with a message alone, or a handful, at
// any size. Thousands of names would be too many for the table of the other benchmarks, so this prints the worst of each.
#pragma once
#include <string>

namespace megaseal::bench {

/// Sweeps every `operation/backend/batch:N` that matches `regex`; one line each. Returns the exit status.
int run_alone(const std::string& regex);

}  // namespace megaseal::bench
