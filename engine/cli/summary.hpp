// What a run of seal or open did, on standard error as JSON (--json).
#pragma once
#include <chrono>
#include <cstdint>

#include "engine/cli/rejects.hpp"
#include "megaseal/megaseal.h"

namespace megaseal::cli {

class Summary {
 public:
  uint64_t num_records = 0;  // read
  uint64_t num_done = 0;     // sealed records written, or records opened
  uint64_t num_bytes = 0;    // of plaintext

  void print_json(const Rejects& rejects, const megaseal_engine* engine, megaseal_operation operation) const {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
    tell(
        "{{\"records\":{},\"done\":{},\"plaintext_bytes\":{},\"rejected\":{},\"not_opened\":{},"
        "\"seconds\":{:.3f},\"backend\":\"{}\",\"threads\":{}}}",
        num_records, num_done, num_bytes, rejects.num_malformed(), rejects.num_not_opened(), seconds.count(),
        megaseal_backend_name(engine, operation), megaseal_engine_num_threads(engine));
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace megaseal::cli
