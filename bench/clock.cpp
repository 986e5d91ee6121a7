#include "bench/clock.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace megaseal::bench {
namespace {

constexpr int unroll = 96;
constexpr int chains = 8;

// The empty asm statements make each sum opaque: the compiler can neither merge additions nor drop them, and must
// keep the register form `add reg, reg` (some cores fold additions of constants at no cost, which would show a clock
// twice as fast as it is).
void dependent_adds(int rounds) {
  uint64_t sum = 0, step = 3;
  asm volatile("" : "+r"(step));
  for (int i = 0; i < rounds; i++) {
#pragma GCC unroll 96
    for (int k = 0; k < unroll; k++) {
      sum += step;
      asm volatile("" : "+r"(sum));
    }
  }
}

void independent_adds(int rounds) {
  uint64_t sum[chains] = {}, step = 3;
  asm volatile("" : "+r"(step));
  for (int i = 0; i < rounds; i++) {
#pragma GCC unroll 96
    for (int k = 0; k < unroll; k++) {
      sum[k % chains] += step;
      asm volatile("" : "+r"(sum[k % chains]));
    }
  }
}

// The shortest times seen so far, in seconds an addition. Each is free of interruptions; their ratio is the full rate,
// which a ratio from a single probe may exceed when its dependent chains were interrupted.
struct {
  double one_add = std::numeric_limits<double>::infinity();
  double one_of_many = std::numeric_limits<double>::infinity();
} best;

}  // namespace

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double process_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

CoreProbe probe_core() {
  constexpr int dependent_rounds = 300, independent_rounds = 600;
  const double t0 = now();
  dependent_adds(dependent_rounds);
  const double t1 = now();
  independent_adds(independent_rounds);
  const double t2 = now();
  dependent_adds(dependent_rounds);
  const double t3 = now();
  // An interrupt can only lengthen a chain, so the shorter of the two tells the clock.
  const double one_add = std::min(t1 - t0, t3 - t2) / (dependent_rounds * unroll);
  const double one_of_many = (t2 - t1) / (independent_rounds * unroll);
  best.one_add = std::min(best.one_add, one_add);
  best.one_of_many = std::min(best.one_of_many, one_of_many);
  return {1 / one_add, one_add / one_of_many};
}

double full_adds_per_cycle() {
  static const bool learnt = [] {
    for (const double end = now() + 0.3; now() < end;) probe_core();
    return true;
  }();
  (void)learnt;
  return best.one_add / best.one_of_many;
}

double core_share(const CoreProbe& before, const CoreProbe& after) {
  return std::min(before.adds_per_cycle, after.adds_per_cycle) / full_adds_per_cycle();
}

}  // namespace megaseal::bench
