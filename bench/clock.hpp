// What the core is doing: its real clock, and whether we have it to ourselves.
//
// Counters of the processor are rarely readable on rented machines, and the time-stamp counter ticks at a rate of
// its own. A chain of dependent additions runs at one a cycle on every core we know, so timing one gives the clock.
// Independent additions fill all adders of a core: when a sibling hyperthread works, it takes part of them, and their
// rate per cycle drops although the clock looks normal.
#pragma once

namespace megaseal::bench {

/// Seconds since some fixed moment.
double now();

/// Seconds that this process has run, all threads together. Beside now() it tells whether others ran in its stead.
double process_seconds();

/// A look at the core, about 40 us long.
struct CoreProbe {
  double hz;              // cycles per second
  double adds_per_cycle;  // independent additions
};
CoreProbe probe_core();

/// Independent additions per cycle of an undisturbed core: the best this program has seen. The first call looks for
/// a third of a second; on a machine that was busy all that time, later probes still raise it.
double full_adds_per_cycle();

/// The part of the core that was ours around a measurement, judged by a probe before and one after it: 1, or about
/// one half with a busy sibling.
double core_share(const CoreProbe& before, const CoreProbe& after);

}  // namespace megaseal::bench
