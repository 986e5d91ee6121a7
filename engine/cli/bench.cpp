#include "engine/cli/verbs.hpp"
namespace megaseal::cli {
Exit run_bench(const Options&) { return Exit::usage; }
}  // namespace megaseal::cli
