// Calls of every slot whose secrets are known by their place, so that a checker can mark or change them.
//
// A case is allocated once. fill() draws its secrets anew and leaves everything public as it was, so that two runs of a
// constant-time slot execute the same instructions on the same addresses.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace megaseal::ct {

using Bytes = std::vector<uint8_t>;

struct Case {
  std::string name;
  std::vector<std::span<uint8_t>> secrets;
  /// New secrets, and what follows from them (opening needs a tag that verifies). Kinds 0 and 1 are the extremes, all
  /// bits clear and all set; any other is a seed.
  std::function<void(unsigned kind)> fill;
  std::function<void()> call;
  std::shared_ptr<void> memory;  // what the spans point into
  bool is_brief = false;         // one of a few that between them go most ways of their slots
};

/// Cases of every slot that the table offers, the same for every backend.
std::vector<Case> cases_of(const KernelTable& table);

/// Offers hchacha20 and chacha20_stream only: the first branches on a secret, the second indexes with one and touches an
/// address made of one. Checkers that do not object to it check nothing.
extern const KernelTable planted_table;

}  // namespace megaseal::ct
