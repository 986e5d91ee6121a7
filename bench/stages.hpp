// Where the cycles of a message go: the stages of sealing and opening, timed inside the calls of the C ABI.
#pragma once
#include <string>

namespace megaseal::bench {

/// A table for every `operation/bytes` that matches `regex`: a column a backend. Returns the exit status.
int run_stages(const std::string& regex);

}  // namespace megaseal::bench
