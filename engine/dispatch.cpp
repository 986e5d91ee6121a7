#include "engine/dispatch.hpp"

#include <algorithm>
#include <memory>
#include <string_view>

#include "backends/fork_generation.hpp"
#include "backends/once.hpp"
#include "engine/cpu_features.hpp"
#include "engine/hash_choice.hpp"
#include "engine/selftest.hpp"

namespace megaseal {
namespace {

// Backends that may serve, in the order in which they are asked.
using Candidates = std::vector<const KernelTable*>;

// Position in `candidates` of the first that offers the slot; -1 when none does.
template <class Fn>
int first_with(const Candidates& candidates, Fn KernelTable::*slot) {
  for (size_t i = 0; i < candidates.size(); i++)
    if (candidates[i]->*slot) return int(i);
  return -1;
}

std::string join(const Candidates& candidates, std::initializer_list<int> parts) {
  std::string text;
  std::vector<int> seen;
  for (int part : parts) {
    if (std::find(seen.begin(), seen.end(), part) != seen.end()) continue;
    seen.push_back(part);
    if (!text.empty()) text += '+';
    text += candidates[size_t(part)]->name;
  }
  return text;
}

}  // namespace

BackendState examine(const BackendRow& row) {
  BackendState s{&row, MEGASEAL_BACKEND_AVAILABLE, {}};
  const auto not_available = [&](megaseal_backend_state state, std::string reason) {
    s.state = state;
    s.reason = std::move(reason);
    return s;
  };
  if (row.table == nullptr) return not_available(MEGASEAL_BACKEND_NOT_BUILT, "left out of this build");
  if (std::string missing = missing_cpu_features(row.requires_); !missing.empty())
    return not_available(MEGASEAL_BACKEND_UNSUPPORTED, "this machine lacks " + missing);
  if (row.device)
    if (std::string reason = row.device->start(); !reason.empty())
      return not_available(MEGASEAL_BACKEND_UNSUPPORTED, std::move(reason));
  const auto slots_fail = [&] { return self_test(*row.table); };
  if (std::string failure = row.device ? row.device->test(slots_fail) : slots_fail(); !failure.empty())
    return not_available(MEGASEAL_BACKEND_SELFTEST_FAILED, "self-test failed: " + failure);
  return s;
}

std::vector<BackendState> examine(std::span<const BackendRow> rows) {
  std::vector<BackendState> states;
  for (const BackendRow& row : rows) states.push_back(examine(row));
  return states;
}

const std::vector<BackendState>& process_backends() {
  static constinit Once<std::vector<BackendState>> states;
  return states.get(fork_generation(), [] {
    auto of_cpu = std::make_unique<std::vector<BackendState>>();
    for (const BackendRow& row : backend_rows())
      if (!row.device) of_cpu->push_back(examine(row));
    return of_cpu.release();
  });
}

const BackendState* process_device() {
  const auto row = std::ranges::find_if(backend_rows(), [](const BackendRow& r) { return r.device; });
  if (row == backend_rows().end()) return nullptr;
  static constinit Once<BackendState> state;
  return &state.get(
      fork_generation(),
      [&] {
        // Whom the device leaves to what it fails to do: to the best of the CPU's, slot by slot.
        if (const Dispatch* cpu = process_dispatch()) {
          KernelTable best = scalar_table;
#define X(slot, Tile) best.slot = cpu->slot;
          MEGASEAL_SLOTS(X)
#undef X
          row->device->leave_to(best);
        }
        return new BackendState(examine(*row));
      },
      [&] {
        return new BackendState{&*row, MEGASEAL_BACKEND_UNSUPPORTED,
                                "the process was forked while the device was being started"};
      });
}

megaseal_error choose(Dispatch* out, const std::vector<BackendState>& backends, std::string_view forced) {
  Candidates candidates;
  const KernelTable* scalar = nullptr;
  bool found = forced.empty();
  for (const BackendState& b : backends) {
    if (b.state != MEGASEAL_BACKEND_AVAILABLE) continue;
    if (std::string_view(b.row->name) == "scalar") scalar = b.row->table;
    if (forced.empty() ? !b.row->device : forced == b.row->name) {
      candidates.push_back(b.row->table);
      found = true;
    }
  }
  if (!found) return MEGASEAL_ERROR_BACKEND_UNAVAILABLE;
  if (!forced.empty() && scalar != nullptr && candidates.front() != scalar) candidates.push_back(scalar);

  Dispatch d;
#define X(slot, Tile)                                          \
  const int slot = first_with(candidates, &KernelTable::slot); \
  if (slot >= 0) {                                             \
    const KernelTable& t = *candidates[size_t(slot)];          \
    d.slot = t.slot;                                           \
    d.lanes = std::max(d.lanes, t.lanes);                      \
    d.tile_items = std::max(d.tile_items, t.tile_items);       \
  }
  MEGASEAL_SLOTS(X)
  MEGASEAL_WHOLE_SLOTS(X)
#undef X
  const int needed[] = {
      chacha20poly1305_seal, chacha20poly1305_open, secretbox_seal, secretbox_open, hchacha20,
      sealedbox_nonces,      chacha20_stream,       x25519_shared,  x25519_public,  hkdf_extract,
      hkdf_expand,           hpke_schedule};
  if (std::ranges::min(needed) < 0) return MEGASEAL_ERROR_BACKEND_UNAVAILABLE;

  // Where no backend is forced, the fastest hashes; tests that bring backends of their own get the first.
  int few_scheduled = hpke_schedule, many_scheduled = hpke_schedule;
  const auto measured = [&] {
    static constinit Once<HashChoice> of_process;
    return of_process.get(fork_generation(), [&] { return new HashChoice(fastest_hashes(candidates)); });
  };
  const bool is_free = forced.empty() && &backends == &process_backends();
  if (const HashChoice hashes = is_free ? measured() : HashChoice(); hashes.many) {
    d.hkdf_extract = hashes.many->hkdf_extract;
    d.hkdf_expand = hashes.many->hkdf_expand;
    d.hpke_schedule = hashes.many->hpke_schedule;
    d.few_hashed_below = hashes.max_few ? hashes.max_few + 1 : 0;
    d.few_extracted = hashes.few->hkdf_extract;
    d.few_expanded = hashes.few->hkdf_expand;
    d.few_scheduled = hashes.few->hpke_schedule;
    const auto place = [&](const KernelTable* t) {
      return int(std::ranges::find(candidates, t) - candidates.begin());
    };
    many_scheduled = place(hashes.many);
    few_scheduled = hashes.max_few ? place(hashes.few) : many_scheduled;
  }

  if (const KernelTable& t = *candidates[size_t(x25519_shared)]; t.x25519_prepare && t.x25519_prepared) {
    d.x25519_prepare = t.x25519_prepare;
    d.x25519_prepared = t.x25519_prepared;
    std::ranges::copy(t.prepared_bytes, d.prepared_bytes);
    d.prepared_costs = &prepared_costs(t.name);
  }

  // A backend's own whole-tile HPKE serves only while none of the parts would come from a better backend:
  // composing the best parts beats an inferior whole.
  auto keep_whole = [](int whole, std::initializer_list<int> parts) {
    return whole >= 0 && whole <= std::min(parts);
  };
  const bool whole_seal =
      keep_whole(hpke_seal, {x25519_public, x25519_shared, many_scheduled, chacha20poly1305_seal});
  const bool whole_open = keep_whole(hpke_open, {x25519_shared, many_scheduled, chacha20poly1305_open});
  const bool whole_box_seal = keep_whole(
      sealedbox_seal, {x25519_public, x25519_shared, hchacha20, sealedbox_nonces, secretbox_seal});
  const bool whole_box_open =
      keep_whole(sealedbox_open, {x25519_shared, hchacha20, sealedbox_nonces, secretbox_open});
  if (!whole_seal) d.hpke_seal = nullptr;
  if (!whole_open) d.hpke_open = nullptr;
  if (!whole_box_seal) d.sealedbox_seal = nullptr;
  if (!whole_box_open) d.sealedbox_open = nullptr;

  auto name = [&](megaseal_operation op, std::initializer_list<int> parts) {
    d.names[op] = join(candidates, parts);
  };
  name(MEGASEAL_OP_CHACHA20POLY1305_SEAL, {chacha20poly1305_seal});
  name(MEGASEAL_OP_CHACHA20POLY1305_OPEN, {chacha20poly1305_open});
  name(MEGASEAL_OP_XCHACHA20POLY1305_SEAL, {chacha20poly1305_seal, hchacha20});
  name(MEGASEAL_OP_XCHACHA20POLY1305_OPEN, {chacha20poly1305_open, hchacha20});
  name(MEGASEAL_OP_X25519_SHARED, {x25519_shared});
  if (d.x25519_prepared) name(MEGASEAL_OP_X25519_PREPARED, {x25519_shared});
  name(MEGASEAL_OP_X25519_PUBLIC, {x25519_public});
  name(MEGASEAL_OP_KEYGEN, {x25519_public, chacha20_stream});
  if (whole_seal)
    name(MEGASEAL_OP_HPKE_SEAL, {hpke_seal});
  else
    name(MEGASEAL_OP_HPKE_SEAL,
         {x25519_shared, x25519_public, many_scheduled, few_scheduled, chacha20poly1305_seal});
  if (whole_open)
    name(MEGASEAL_OP_HPKE_OPEN, {hpke_open});
  else
    name(MEGASEAL_OP_HPKE_OPEN, {x25519_shared, many_scheduled, few_scheduled, chacha20poly1305_open});
  name(MEGASEAL_OP_HPKE_EXPORT, {many_scheduled, few_scheduled});
  if (whole_box_seal)
    name(MEGASEAL_OP_SEALEDBOX_SEAL, {sealedbox_seal});
  else
    name(MEGASEAL_OP_SEALEDBOX_SEAL,
         {x25519_shared, x25519_public, hchacha20, sealedbox_nonces, secretbox_seal});
  if (whole_box_open)
    name(MEGASEAL_OP_SEALEDBOX_OPEN, {sealedbox_open});
  else
    name(MEGASEAL_OP_SEALEDBOX_OPEN, {x25519_shared, hchacha20, sealedbox_nonces, secretbox_open});
  *out = std::move(d);
  return MEGASEAL_ERROR_NONE;
}

Dispatch beside(const Dispatch& cpu, const KernelTable& device) {
  Dispatch d = cpu;
#define X(slot, Tile) \
  if (device.slot) d.slot = device.slot;
  MEGASEAL_SLOTS(X)
  MEGASEAL_WHOLE_SLOTS(X)
#undef X
  if (device.hkdf_extract || device.hkdf_expand || device.hpke_schedule) d.few_hashed_below = 0;
  d.x25519_prepare = nullptr;
  d.x25519_prepared = nullptr;
  d.lanes = device.lanes;
  d.tile_items = device.tile_items;
  d.cpu = &cpu;
  return d;
}

const Dispatch* process_dispatch() {
  static constinit Once<Dispatch> best;
  const Dispatch& d = best.get(fork_generation(), [] {
    Dispatch chosen;
    return new Dispatch(choose(&chosen, process_backends(), {}) == MEGASEAL_ERROR_NONE ? chosen : Dispatch{});
  });
  return d.x25519_public ? &d : nullptr;
}

}  // namespace megaseal
