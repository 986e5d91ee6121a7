// How every benchmark of this program is named, registered and timed. Google Benchmark repeats, aggregates and
// writes the JSON; the time of each repetition is taken here, because a sample from a disturbed core is to be taken
// again. README.md describes the method.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace megaseal::bench {

/// What follows `operation/implementation/` in a name. The defaults are the plain name.
struct Shape {
  size_t bytes = 256;     // of a message; for X25519, 32
  size_t batch = 1024;    // messages in a call
  bool shared = false;    // one key (or secret) for all messages instead of a fresh one each
  unsigned threads = 1;   // of the engine
  size_t recipients = 0;  // that many recipients in turn; 0: a fresh one each
  bool mix = false;       // lengths log-normal around that median, from 16 B to 16 KiB
  bool zipf = false;      // recipients by Zipf's law, and prepared as the engine sees fit
  int table = 0;          // a megaseal_prepared_size
  bool cold = false;      // messages come from memory and go to memory, far outside the caches

  std::string suffix() const;
};

/// The work to time, and what to say beside its figures.
struct Call {
  std::function<void()> run;
  std::string note;
};

/// The share of the core from which a measurement counts as undisturbed.
inline constexpr double undisturbed_share = 0.95;

/// One benchmark: the call, and what one call carries.
struct Case {
  Call call;
  double messages;
  double bytes;
};

/// Registers `operation/implementation/…` unless the filter excludes it. `make` runs when its turn comes: it draws
/// fresh inputs and checks the implementation's outputs before anything is timed.
void add(std::string_view operation, std::string_view implementation, const Shape& shape,
         std::function<Case(const Shape&)> make);

/// Sets the filter: a regular expression searched for in the name, negated by a leading '-'. Before the first add().
void set_filter(const std::string& regex);

/// The names of all registered benchmarks.
const std::vector<std::string>& names();

/// The benchmark that is running, for messages.
const std::string& running();

/// Ends the program: a wrong result makes every figure worthless.
[[noreturn]] void die(const std::string& why);
inline void require(bool ok, const char* what) {
  if (!ok) die(what);
}

/// Seconds that one call takes, the best of a few: for choosing between the interfaces of a peer.
double quick_time(const std::function<void()>& run);

}  // namespace megaseal::bench
