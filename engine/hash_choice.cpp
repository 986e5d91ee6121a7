#include "engine/hash_choice.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace megaseal {
namespace {

constexpr uint32_t largest = 64;

/// A tile of up to `largest` messages that anybody may know.
class Trial {
 public:
  Trial() : bytes_(largest * (32 + 32 + 32 + 32 + 12)) {}

  /// Seconds that the slot takes for `num` messages: the shortest of a few calls, of which the first has to fetch code.
  double seconds(const KernelTable& table, uint32_t num) {
    uint8_t* const p = bytes_.data();
    const HpkeScheduleTile tile{.num = num,
                                .shared = &shared_,
                                .dh = p,
                                .enc = p + 32 * largest,
                                .recipients = {p + 64 * largest, 32},
                                .keys = p + 96 * largest,
                                .nonces = p + 128 * largest,
                                .exporters = nullptr};
    double best = 0;
    for (int i = 0; i < 4; i++) {
      const auto begin = std::chrono::steady_clock::now();
      table.hpke_schedule(&tile);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      best = i == 0 ? took.count() : std::min(best, took.count());
    }
    return best;
  }

 private:
  const HpkeShared shared_{.key_schedule_context = {}, .psk = nullptr, .psk_len = 0};
  std::vector<uint8_t> bytes_;
};

const KernelTable* fastest(Trial& trial, std::span<const KernelTable* const> tables, uint32_t num) {
  const KernelTable* best = nullptr;
  double time = 0;
  for (const KernelTable* table : tables) {
    const double its = trial.seconds(*table, num);
    if (best && its * 1.05 > time) continue;
    best = table;
    time = its;
  }
  return best;
}

}  // namespace

HashChoice fastest_hashes(std::span<const KernelTable* const> tables) {
  std::vector<const KernelTable*> offering;
  for (const KernelTable* table : tables)
    if (table->hkdf_extract && table->hkdf_expand && table->hpke_schedule) offering.push_back(table);
  if (offering.empty()) return {};
  Trial trial;
  HashChoice choice;
  choice.few = fastest(trial, offering, 1);
  choice.many = fastest(trial, offering, largest);
  if (choice.few == choice.many) return choice;
  const KernelTable* const both[] = {choice.few, choice.many};
  for (uint32_t num = 1; num < largest && fastest(trial, both, num) == choice.few; num *= 2)
    choice.max_few = num;
  return choice;
}

}  // namespace megaseal
