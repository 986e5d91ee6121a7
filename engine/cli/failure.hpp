// How the command ends: its exit codes, and the exception that carries one of them to main().
#pragma once
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace megaseal::cli {

/// The numbers are part of the interface; scripts branch on them.
enum class Exit : int {
  done = 0,
  failed = 1,      ///< something outside the records went wrong: a file, memory, the random generator
  usage = 2,       ///< the command line cannot be right
  rejected = 3,    ///< some records were malformed; the rest is done
  not_opened = 4,  ///< some well-formed records did not open; the rest is done
  no_backend = 5,  ///< the backend asked for is unknown or not usable here
};

/// Ends the run. The message is one line, without the program's name and without a full stop.
class Failure : public std::runtime_error {
 public:
  Failure(Exit exit, const std::string& message) : std::runtime_error(message), exit_(exit) {}
  Exit exit() const { return exit_; }

 private:
  Exit exit_;
};

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure(Exit::failed, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure(Exit::usage, fmt::format(format, std::forward<Args>(args)...));
}

/// fail("cannot WHAT PATH: the system's reason"), from errno.
[[noreturn]] inline void fail_errno(const char* what, const std::string& path) {
  fail("cannot {} {}: {}", what, path, std::strerror(errno));
}

/// Shows `text` as the last line of the terminal, in place of what was shown there before; "" clears it. Not for
/// standard error that is no terminal.
void status_line(std::string_view text);

/// One line on standard error. Control characters become '?': text from records must not steer the terminal.
/// That standard error itself cannot be written is no reason to fail. Thread-safe.
void tell_line(std::string line);

template <class... Args>
void tell(fmt::format_string<Args...> format, Args&&... args) {
  tell_line(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace megaseal::cli
