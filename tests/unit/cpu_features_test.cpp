// CPU detection against what the operating system says of the same CPU.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "engine/cpu_features.hpp"
#include "megaseal/megaseal.h"

namespace megaseal {
namespace {

std::set<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// Linux's name of a feature, where it is another.
std::string linux_name(const std::string& feature) {
  if (feature == "sse4.1") return "sse4_1";
  if (feature == "sha") return "sha_ni";
  if (feature == "avx512vbmi2") return "avx512_vbmi2";
  return feature;
}

TEST(CpuFeatures, AgreeWithProcCpuinfo) {
  std::ifstream in("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; std::getline(in, line) && flags.empty();)
    if (line.starts_with("flags")) flags = words(line.substr(line.find(':') + 1));
  if (flags.empty()) GTEST_SKIP() << "/proc/cpuinfo lists no flags here";
  const std::set<std::string> ours = words(cpu_features());
  for (const char* feature :
       {"sse2", "ssse3", "sse4.1", "bmi1", "bmi2", "adx", "sha", "avx", "avx2", "fma", "avx512f", "avx512dq",
        "avx512bw", "avx512vl", "avx512ifma", "avx512vbmi", "avx512vbmi2"})
    EXPECT_EQ(ours.contains(feature), flags.contains(linux_name(feature))) << feature;
  for (const std::string& feature : ours) EXPECT_TRUE(flags.contains(linux_name(feature))) << feature;
}

TEST(CpuFeatures, ThePublicQueryIsTheSame) { EXPECT_EQ(megaseal_cpu_features(), cpu_features()); }

TEST(CpuFeatures, MissingOnesAreNamed) {
  EXPECT_EQ(missing_cpu_features(""), "");
  EXPECT_EQ(missing_cpu_features(cpu_features()), "");
  EXPECT_EQ(missing_cpu_features("abacus9 sse2 abacus"),
            words(cpu_features()).contains("sse2") ? "abacus9 abacus" : "abacus9 sse2 abacus");
  EXPECT_EQ(missing_cpu_features("ss"), "ss") << "a part of a name is no name";
}

}  // namespace
}  // namespace megaseal
