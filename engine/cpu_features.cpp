#include "engine/cpu_features.hpp"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace megaseal {
namespace {

void append(std::string& list, std::string_view name) {
  if (!list.empty()) list += ' ';
  list += name;
}

#if defined(__x86_64__)
struct Regs {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Regs cpuid(uint32_t leaf, uint32_t subleaf) {
  Regs r;
  if (!__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx)) return {};
  return r;
}

// XCR0: which register states the system saves on a context switch (Intel SDM vol. 1, 13.3).
uint64_t xcr0() {
  uint32_t lo, hi;
  __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return uint64_t(hi) << 32 | lo;
}

std::string detect() {
  const Regs l1 = cpuid(1, 0), l7 = cpuid(7, 0);
  const bool osxsave = l1.ecx >> 27 & 1;
  const uint64_t saved = osxsave ? xcr0() : 0;
  const bool ymm = (saved & 0x6) == 0x6;    // xmm and upper ymm halves
  const bool zmm = (saved & 0xe6) == 0xe6;  // and opmask, upper zmm halves, zmm16-31

  struct Feature {
    const char* name;
    uint32_t reg;
    int bit;
    bool enabled;
  };
  const Feature features[] = {
      {"sse2", l1.edx, 26, true},     {"ssse3", l1.ecx, 9, true},      {"sse4.1", l1.ecx, 19, true},
      {"bmi1", l7.ebx, 3, true},      {"bmi2", l7.ebx, 8, true},       {"adx", l7.ebx, 19, true},
      {"sha", l7.ebx, 29, true},      {"avx", l1.ecx, 28, ymm},        {"avx2", l7.ebx, 5, ymm},
      {"fma", l1.ecx, 12, ymm},       {"avx512f", l7.ebx, 16, zmm},    {"avx512dq", l7.ebx, 17, zmm},
      {"avx512bw", l7.ebx, 30, zmm},  {"avx512vl", l7.ebx, 31, zmm},   {"avx512ifma", l7.ebx, 21, zmm},
      {"avx512vbmi", l7.ecx, 1, zmm}, {"avx512vbmi2", l7.ecx, 6, zmm},
  };
  std::string list;
  for (const Feature& f : features)
    if (f.enabled && (f.reg >> f.bit & 1)) append(list, f.name);
  return list;
}
#else
std::string detect() { return {}; }
#endif

bool contains(std::string_view list, std::string_view name) {
  for (size_t at = 0; at < list.size();) {
    size_t end = list.find(' ', at);
    if (end == std::string_view::npos) end = list.size();
    if (list.substr(at, end - at) == name) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

const std::string& cpu_features() {
  static const std::string list = detect();
  return list;
}

std::string missing_cpu_features(std::string_view wanted) {
  std::string missing;
  for (size_t at = 0; at < wanted.size();) {
    size_t end = wanted.find(' ', at);
    if (end == std::string_view::npos) end = wanted.size();
    const std::string_view name = wanted.substr(at, end - at);
    if (!name.empty() && !contains(cpu_features(), name)) append(missing, name);
    at = end + 1;
  }
  return missing;
}

}  // namespace megaseal
