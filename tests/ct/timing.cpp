// Measures whether the time of a slot depends on its secrets, the way dudect does it: each case runs many times, with one
// fixed set of secrets or with fresh random ones, as a coin decides, and Welch's t-test says whether the two classes' times
// have the same mean.
//
//   timing BACKEND     fails where a case differs in three runs, one after the other
//   timing --planted   a leak planted on purpose must be found, and none where both classes are random
//
// README.md says what this shows, and what not.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <algorithm>
#include <random>

#include "tests/ct/cases.hpp"

namespace megaseal {
#define X(name) extern const KernelTable name##_table;
MEGASEAL_CT_BACKENDS
#undef X
}  // namespace megaseal

namespace megaseal::ct {
namespace {

/// dudect's: below 4.5 nothing is said, beyond 10 there is a leak.
constexpr double is_leak = 10;
constexpr size_t min_measurements = 600, max_measurements = 20000;
constexpr double seconds_per_case = 2;

uint64_t now() {
  unsigned low, high;
  __asm__ volatile("lfence\n\trdtscp\n\tlfence" : "=a"(low), "=d"(high) : : "rcx", "memory");
  return uint64_t(high) << 32 | low;
}

double seconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

/// Mean and variance as they come in (Welford).
struct Moments {
  double num = 0, mean = 0, squares = 0;
  void add(double x) {
    num++;
    const double delta = x - mean;
    mean += delta / num;
    squares += delta * (x - mean);
  }
  double error() const { return squares / (num - 1) / num; }
};

struct Measurement {
  uint64_t ticks;
  bool is_random;
};

double welch(const std::vector<Measurement>& measurements, uint64_t below) {
  Moments classes[2];
  for (const Measurement& m : measurements)
    if (m.ticks < below) classes[m.is_random].add(double(m.ticks));
  if (std::min(classes[0].num, classes[1].num) < 100) return 0;
  const double error = classes[0].error() + classes[1].error();
  const double difference = classes[1].mean - classes[0].mean;
  return error > 0 ? difference / sqrt(error) : difference == 0 ? 0 : copysign(HUGE_VAL, difference);
}

struct Verdict {
  double t = 0;  // the largest of all croppings
  size_t num = 0;
  uint64_t median = 0;
};

/// An interrupt lengthens a few runs a hundredfold and hides what there is to see: the test is made of all runs, and of
/// those alone that are below each of several percentiles, which are taken over both classes together.
Verdict judge(std::vector<Measurement> measurements) {
  std::vector<uint64_t> sorted;
  for (const Measurement& m : measurements) sorted.push_back(m.ticks);
  std::sort(sorted.begin(), sorted.end());
  Verdict out{welch(measurements, UINT64_MAX), sorted.size(), sorted[sorted.size() / 2]};
  for (int i = 1; i <= 20; i++) {
    const double share = 1 - pow(0.5, 10.0 * i / 20);
    const double t = welch(measurements, sorted[size_t(share * double(sorted.size() - 1))] + 1);
    if (fabs(t) > fabs(out.t)) out.t = t;
  }
  return out;
}

struct Run {
  unsigned kind;  // of secrets
  bool is_random;
};

/// The coins are tossed beforehand: a jump on one would leave its mark in the predictors, and so in the times of its class.
/// Kinds 0 and 1 are the extremes, all bits clear and all set; with `both_random`, neither class is fixed.
std::vector<Run> toss(unsigned fixed_kind, bool both_random, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Run> out(max_measurements);
  for (Run& run : out) {
    run.is_random = random() & 1;
    const unsigned fresh = 4 + random() % 1000000;
    run.kind = run.is_random || both_random ? fresh : fixed_kind;
  }
  return out;
}

Verdict measure(const Case& c, const std::vector<Run>& runs) {
  std::vector<Measurement> measurements;
  measurements.reserve(runs.size());
  const double end = seconds() + seconds_per_case;
  for (size_t i = 0; i < runs.size() && (i < min_measurements || seconds() < end); i++) {
    c.fill(runs[i].kind);
    // Once unmeasured, so that caches and predictors hold what the slot leaves there, not what filling did.
    c.call();
    const uint64_t begin = now();
    c.call();
    const uint64_t ticks = now() - begin;
    if (i >= 20) measurements.push_back({ticks, runs[i].is_random});
  }
  return judge(std::move(measurements));
}

/// What noise makes once it does not make thrice, each time in the same direction.
bool leaks(const Case& c, unsigned fixed_kind, bool both_random, Verdict* first) {
  *first = measure(c, toss(fixed_kind, both_random, 1));
  Verdict again = *first;
  for (unsigned seed = 2; fabs(again.t) >= is_leak && again.t * first->t > 0; seed++) {
    if (seed == 4) return true;
    again = measure(c, toss(fixed_kind, both_random, seed));
  }
  return false;
}

void print(const Case& c, const char* classes, const Verdict& v, bool is_found) {
  printf("%-40s %-22s t = %7.2f of %5zu runs, median %llu ticks%s\n", c.name.c_str(), classes, v.t, v.num,
         static_cast<unsigned long long>(v.median), is_found ? ": LEAKS" : "");
}

int run(const KernelTable& table) {
  size_t num = 0, num_leaks = 0;
  for (const Case& c : cases_of(table)) {
    if (!c.is_brief) continue;
    for (unsigned kind : {0u, 2u}) {
      Verdict v;
      const bool found = leaks(c, kind, false, &v);
      print(c, kind ? "one secret and others" : "zeros and others", v, found);
      num++, num_leaks += found;
    }
  }
  printf("made %zu comparisons on %s, %zu leak\n", num, table.name, num_leaks);
  return num == 0 || num_leaks != 0;
}

int planted() {
  bool found = false, found_nothing = true;
  for (const Case& c : cases_of(planted_table)) {
    if (!c.is_brief) continue;
    Verdict v;
    const bool leak = leaks(c, 2, false, &v);
    print(c, "one secret and others", v, leak);
    found |= leak && c.name.starts_with("hchacha20");
    const bool leak_of_none = leaks(c, 2, true, &v);
    print(c, "others both", v, leak_of_none);
    found_nothing &= !leak_of_none;
  }
  printf("the planted branch %s; where there was nothing to find, %s\n",
         found ? "was found" : "was NOT FOUND", found_nothing ? "nothing was" : "something WAS");
  return !found || !found_nothing;
}

/// The instruction sets that a backend is compiled for.
bool runs_here(const char* name) {
  if (!strcmp(name, "avx2")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!strcmp(name, "avx512"))
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (!strcmp(name, "avx512ifma")) return runs_here("avx512") && __builtin_cpu_supports("avx512ifma");
  if (!strcmp(name, "shani")) {
    unsigned a = 7, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b >> 29 & 1;
  }
  return true;
}

}  // namespace
}  // namespace megaseal::ct

int main(int argc, char** argv) {
  using namespace megaseal;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc == 2 && strcmp(argv[1], "--planted") == 0) return ct::planted();
  const KernelTable* tables[] = {
#define X(backend) &backend##_table,
      MEGASEAL_CT_BACKENDS
#undef X
  };
  for (const KernelTable* table : tables) {
    if (argc != 2 || strcmp(table->name, argv[1]) != 0) continue;
    if (ct::runs_here(table->name)) return ct::run(*table);
    printf("skipped: %s cannot run here\n", table->name);
    return 77;
  }
  fprintf(stderr, "usage: timing BACKEND | --planted\n");
  return 2;
}
