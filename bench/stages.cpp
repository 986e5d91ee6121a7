#include "bench/stages.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <regex>
#include <vector>

#include "bench/clock.hpp"
#include "bench/data.hpp"
#include "engine/engine.hpp"
#include "engine/random.hpp"

namespace megaseal::bench {
namespace {

#define X(slot, Tile) slot_##slot,
enum Slot { MEGASEAL_SLOTS(X) MEGASEAL_PREPARED_SLOTS(X) num_slots };
#undef X

/// Seconds that each slot took during one call.
using Times = std::array<double, num_slots>;
Times times;

/// Stands in a dispatch table in the place of a slot's function, calls that, and adds up its time.
template <class Tile, Slot slot>
struct Timed {
  static inline void (*inner)(const Tile*) = nullptr;
  static void call(const Tile* tile) {
    const double start = now();
    inner(tile);
    times[slot] += now() - start;
  }
  static void stand_in_for(void (*&function)(const Tile*)) {
    if (!function) return;
    inner = function;
    function = call;
  }
};

/// An engine of one thread forced to `backend`, whose slots are timed. One at a time.
std::unique_ptr<megaseal_engine> timed_engine(const std::string& backend, size_t cache_bytes) {
  Dispatch dispatch;
  check(choose(&dispatch, process_backends(), backend));
#define X(slot, Tile) Timed<Tile, slot_##slot>::stand_in_for(dispatch.slot);
  MEGASEAL_SLOTS(X)
  MEGASEAL_PREPARED_SLOTS(X)
#undef X
  PreparedCache::Seed seed{};
  require(system_random(&seed, sizeof seed), "no randomness");
  return std::make_unique<megaseal_engine>(std::move(dispatch), 1, cache_bytes, seed);
}

struct Operation {
  const char* name;
  megaseal_operation id;
  megaseal_format format;
  bool seal;
  size_t num_prepared;  // recipients with tables; 0: every recipient is new
};
constexpr Operation operations[] = {
    {"hpke_seal", MEGASEAL_OP_HPKE_SEAL, MEGASEAL_FORMAT_HPKE, true, 0},
    {"hpke_seal_prepared", MEGASEAL_OP_HPKE_SEAL, MEGASEAL_FORMAT_HPKE, true, 32},
    {"hpke_open", MEGASEAL_OP_HPKE_OPEN, MEGASEAL_FORMAT_HPKE, false, 0},
    {"sealedbox_seal", MEGASEAL_OP_SEALEDBOX_SEAL, MEGASEAL_FORMAT_SEALEDBOX, true, 0},
    {"sealedbox_open", MEGASEAL_OP_SEALEDBOX_OPEN, MEGASEAL_FORMAT_SEALEDBOX, false, 0},
};

constexpr std::pair<Slot, const char*> stages[] = {
    {slot_chacha20_stream, "ephemeral secrets (chacha20_stream)"},
    {slot_x25519_public, "ephemeral keys (x25519_public)"},
    {slot_x25519_shared, "shared secrets (x25519_shared)"},
    {slot_x25519_prepared, "shared secrets (x25519_prepared)"},
    {slot_hpke_schedule, "key schedule (hpke_schedule)"},
    {slot_sealedbox_nonces, "box nonces (sealedbox_nonces)"},
    {slot_hchacha20, "box keys (hchacha20)"},
    {slot_chacha20poly1305_seal, "cipher (chacha20poly1305_seal)"},
    {slot_chacha20poly1305_open, "cipher (chacha20poly1305_open)"},
    {slot_secretbox_seal, "cipher (secretbox_seal)"},
    {slot_secretbox_open, "cipher (secretbox_open)"},
};

/// A batch of one operation, and how to run it.
class Work {
 public:
  Work(const Operation& operation, size_t bytes, const std::string& backend)
      : operation_(operation),
        messages_({.bytes = bytes}, megaseal_overhead(operation.format)),
        sealing_(messages_, true),
        opening_(messages_, false),
        engine_(timed_engine(backend, operation.num_prepared ? MEGASEAL_PREPARED_CACHE_DEFAULT : 0)) {
    const KeyPairs& pairs = key_pairs();
    const size_t num_keys = operation.num_prepared ? operation.num_prepared : messages_.num();
    for (size_t i = 0; i < messages_.num(); i++) {
      const size_t k = i % num_keys;
      publics_.insert(publics_.end(), pairs.publics.begin() + std::ptrdiff_t(32 * k),
                      pairs.publics.begin() + std::ptrdiff_t(32 * k + 32));
      keys_.push_back(pairs.handles[k]);
    }
    to_.public_keys = publics_.data();
    to_.stride = 32;
    if (operation.num_prepared) {
      size_t prepared = 0;
      check(megaseal_prepare_recipients(engine_.get(), &prepared, num_keys, publics_.data(), 32,
                                        MEGASEAL_PREPARED_AUTO));
    }
    const Bytes plain = messages_.plain;
    seal();
    std::fill(messages_.plain.begin(), messages_.plain.end(), uint8_t(0));
    open();
    require(messages_.plain == plain, "wrong bytes");
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  size_t num() const { return messages_.num(); }
  void run() { operation_.seal ? seal() : open(); }

 private:
  bool is_hpke() const { return operation_.format == MEGASEAL_FORMAT_HPKE; }
  void seal() {
    size_t failed = 0;
    check(is_hpke() ? megaseal_hpke_seal_batch(engine_.get(), &failed, nullptr, sealing_.get(), nullptr, &to_)
                    : megaseal_sealedbox_seal_batch(engine_.get(), &failed, sealing_.get(), operation_.format,
                                                    &to_),
          failed);
  }
  void open() {
    size_t failed = 0;
    check(is_hpke() ? megaseal_hpke_open_batch(engine_.get(), &failed, nullptr, opening_.get(), nullptr,
                                               keys_.data(), 1)
                    : megaseal_sealedbox_open_batch(engine_.get(), &failed, opening_.get(), operation_.format,
                                                    keys_.data(), 1),
          failed);
  }

  const Operation& operation_;
  Messages messages_;
  PackedBatch sealing_, opening_;
  std::unique_ptr<megaseal_engine> engine_;
  Bytes publics_;
  std::vector<const megaseal_secret_key*> keys_;
  megaseal_recipients to_{};
};

/// Cycles a message; `all` is the call's, `seed` what asking the system for it takes by itself.
struct Cycles {
  Times slots;
  double all, seed;
};

// Of calls for so long the shortest counts: whatever disturbs one makes it longer.
constexpr double measured_seconds = 0.5;

Cycles measure(Work& work, bool seal) {
  work.run();
  double best = HUGE_VAL, seed = HUGE_VAL, hz = 0;
  Times of_best{};
  for (const double begin = now(); now() < begin + measured_seconds;) {
    const CoreProbe probe = probe_core();
    for (int i = 0; i < 8; i++) {
      times = {};
      const double start = now();
      work.run();
      const double all = now() - start;
      if (all < best) best = all, of_best = times, hz = probe.hz;
    }
    uint8_t bytes[32];
    const double start = now();
    require(system_random(bytes, sizeof bytes), "no randomness");
    seed = std::min(seed, now() - start);
  }
  const double scale = hz / double(work.num());
  Cycles cycles{of_best, best * scale, seal ? seed * scale : 0};
  for (double& slot : cycles.slots) slot *= scale;
  return cycles;
}

void print(const char* stage, const std::vector<Cycles>& columns,
           const std::function<double(const Cycles&)>& value) {
  if (std::none_of(columns.begin(), columns.end(), [&](const Cycles& c) { return value(c) > 0; })) return;
  std::printf("  %-38s", stage);
  for (const Cycles& c : columns) std::printf(" %11.0f", value(c));
  std::printf("\n");
}

void show(const Operation& operation, size_t bytes) {
  const std::vector<std::string> backends = cpu_backends_for(operation.id);
  std::printf("\n%-40s", (std::string(operation.name) + '/' + std::to_string(bytes)).c_str());
  for (const std::string& backend : backends) std::printf(" %11s", backend.c_str());
  std::printf("\n");
  std::vector<Cycles> columns;
  for (const std::string& backend : backends) {
    Work work(operation, bytes, backend);
    columns.push_back(measure(work, operation.seal));
  }
  print("seed from the system", columns, [](const Cycles& c) { return c.seed; });
  for (const auto& [slot, name] : stages)
    print(name, columns, [slot = slot](const Cycles& c) { return c.slots[slot]; });
  print("the engine around them", columns, [](const Cycles& c) {
    double left = c.all - c.seed;
    for (const double slot : c.slots) left -= slot;
    return left;
  });
  print("all", columns, [](const Cycles& c) { return c.all; });
  std::fflush(stdout);
}

}  // namespace

int run_stages(const std::string& regex) {
  const std::regex filter(regex);
  std::printf("Cycles a message, 1,024 a call, one thread. The shortest of the calls of half a second.\n");
  size_t ran = 0;
  for (const Operation& operation : operations)
    for (const size_t bytes : {64, 256, 1024}) {
      if (!std::regex_search(std::string(operation.name) + '/' + std::to_string(bytes), filter)) continue;
      show(operation, bytes);
      ran++;
    }
  return ran > 0 ? 0 : 2;
}

}  // namespace megaseal::bench
