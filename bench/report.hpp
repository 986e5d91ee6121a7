// What the program prints and writes.
#pragma once
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

namespace megaseal::bench {

/// What a reader must know to compare the figures: CPU, compiler, flags, peers' versions, method. In printing order.
std::vector<std::pair<std::string, std::string>> describe_setup();

/// One line a benchmark: the median of its repetitions, and how far they spread.
class TableReporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;

 private:
  bool first_ = true;
};

/// Google Benchmark's JSON under our names: without the "/iterations:1/manual_time" that it appends.
class PlainNameJsonReporter : public benchmark::JSONReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override;
};

}  // namespace megaseal::bench
