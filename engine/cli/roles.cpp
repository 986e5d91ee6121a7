#include "engine/cli/roles.hpp"

#include <unistd.h>

#include <vector>

#include "engine/cli/failure.hpp"
#include "engine/cli/files.hpp"

namespace megaseal::cli {
namespace {

// `path` may be empty where `option` was not given, and is standard output then.
void check_output(const char* option, const std::string& path, const Options& options) {
  const bool standard = path.empty() || path == "-";
  const auto status = file_status(standard ? "-" : path, STDOUT_FILENO);
  // A socket may well be both standard streams; a file that grows while it is read has no end.
  if (!status || (standard && !S_ISREG(status->st_mode))) return;
  const std::string role = input_role(*status, options);
  if (role.empty()) return;
  if (standard) fail_usage("the output is also {}", role);
  fail_usage("{} {} is also {}", option, path, role);
}

}  // namespace

std::optional<struct stat> file_status(const std::string& path, int standard_stream) {
  struct stat status {};
  const bool known =
      path == "-" ? ::fstat(standard_stream, &status) == 0 : ::stat(path.c_str(), &status) == 0;
  return known ? std::optional(status) : std::nullopt;
}

std::string input_role(const struct stat& status, const Options& options) {
  if (S_ISCHR(status.st_mode)) return "";  // /dev/null, a terminal
  const bool keygen = options.verb == Verb::keygen;
  const std::vector<std::string> singles{keygen ? options.names : options.directory, options.psk_file};
  const std::vector<std::string> inputs =
      options.inputs.empty() && !keygen ? std::vector<std::string>{"-"} : options.inputs;
  for (const auto* paths : {&inputs, &options.identities, &options.recipient_files, &singles}) {
    for (const std::string& path : *paths) {
      if (path.empty()) continue;
      const auto other = file_status(path, STDIN_FILENO);
      if (other && same_file(status, *other)) return path == "-" ? "standard input" : "the input " + path;
    }
  }
  return "";
}

void check_outputs(const Options& options) {
  check_output("-o", options.output, options);
  if (options.verb == Verb::keygen) check_output("--directory", options.directory, options);
}

}  // namespace megaseal::cli
