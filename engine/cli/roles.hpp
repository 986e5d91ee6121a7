// Which files of a run are one and the same: what is written must not be what is read.
#pragma once
#include <sys/stat.h>

#include <optional>
#include <string>

#include "engine/cli/options.hpp"

namespace megaseal::cli {

/// Of what the path names, or of the standard stream where that is "-". None where nothing is there.
std::optional<struct stat> file_status(const std::string& path, int standard_stream);

/// What else the run takes that file for, "the input FILE" or "standard input", or "" where it doesn't read it.
/// Devices may have several roles.
std::string input_role(const struct stat& status, const Options& options);

/// Throws Failure (usage) where the output is also read: records or keys would be gone.
void check_outputs(const Options& options);

}  // namespace megaseal::cli
