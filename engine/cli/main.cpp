// The megaseal command.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sodium.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include "engine/cli/failure.hpp"
#include "engine/cli/interrupt.hpp"
#include "engine/cli/options.hpp"
#include "engine/cli/verbs.hpp"

namespace {

using namespace megaseal::cli;

// A standard stream that the caller closed would lend its number to the next file opened, and messages would
// end up in a key file. Opened the wrong way round, it stays unusable, and using it is an error.
void occupy_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) std::_Exit(1);
  }
}

Exit run(const Options& options) {
  switch (options.verb) {
    case Verb::keygen:
      return run_keygen(options);
    case Verb::pub:
      return run_pub(options);
    case Verb::seal:
      return run_seal(options);
    case Verb::open:
      return run_open(options);
    case Verb::info:
      return run_info(options);
    case Verb::selftest:
      return run_selftest(options);
    case Verb::bench:
      return run_bench(options);
  }
  return Exit::usage;
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  if (sodium_init() < 0) {
    tell("megaseal: the system's random generator failed");
    return static_cast<int>(Exit::failed);
  }
  try {
    const Options options = parse_options(argc, argv);
    if (options.verb != Verb::bench) catch_signals();  // that one has nothing to finish
    return static_cast<int>(run(options));
  } catch (const ClosedPipe&) {
    die_of(SIGPIPE);
  } catch (const Interrupted&) {
    tell("megaseal: interrupted");
    die_of(caught_signal());
  } catch (const Failure& failure) {
    tell("megaseal: {}", failure.what());
    return static_cast<int>(failure.exit());
  } catch (const std::bad_alloc&) {
    tell("megaseal: out of memory");
  } catch (const std::exception& error) {
    tell("megaseal: {}", error.what());
  }
  return static_cast<int>(Exit::failed);
}
