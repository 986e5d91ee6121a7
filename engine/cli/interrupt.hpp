// Signals that ask the command to end. Reading stops at once, what was read is finished and written whole, and
// the process dies of the signal, as whoever sent it expects.
#pragma once
#include <stdexcept>

namespace megaseal::cli {

/// From here on SIGINT, SIGTERM and SIGHUP only leave word, once: a second one, of any kind, ends the process on the
/// spot. Signals that are ignored stay so (nohup). SIGPIPE is ignored: writing to a closed pipe throws ClosedPipe. So is
/// SIGXFSZ: writing beyond the limit on file sizes fails as on a full disk.
void catch_signals();

/// The signal that came, or 0.
int caught_signal();

/// Ends the process by `signal`, with its default action.
[[noreturn]] void die_of(int signal);

/// Readable from the moment that somebody asked to stop: for poll(), beside what is being waited for. -1 before
/// catch_signals().
int stop_fd();

/// Wakes whoever polls stop_fd(), because another thread has failed.
void stop_reading();

/// Thrown by readers that were told to stop.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

/// Thrown by writers whose reader has gone away: no failure, and nothing to say about it.
class ClosedPipe : public std::runtime_error {
 public:
  ClosedPipe() : std::runtime_error("closed pipe") {}
};

}  // namespace megaseal::cli
