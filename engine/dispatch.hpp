// Which backend serves what. Decided once, when an engine is made; afterwards a call costs one indirect call
// a tile.
#pragma once
#include <array>
#include <span>
#include <string>
#include <vector>

#include "backends/registry.hpp"
#include "engine/prepared_costs.hpp"
#include "megaseal/megaseal.h"

namespace megaseal {

/// A backend and whether it may be used in this process.
struct BackendState {
  const BackendRow* row;
  megaseal_backend_state state;
  std::string reason;  // "" when available
};

/// Checks a row: built, supported by this machine, known answers right.
BackendState examine(const BackendRow& row);
std::vector<BackendState> examine(std::span<const BackendRow> rows);

/// The CPU's rows of backend_rows(), examined once per process.
const std::vector<BackendState>& process_backends();
/// The device's row, examined when first asked for, which may take a second; null where there is no such row.
const BackendState* process_device();

/// The chosen function of every slot (whole tiles' may be null: composed) and what the planner needs.
struct Dispatch {
#define X(slot, Tile) void (*slot)(const Tile*) = nullptr;
  MEGASEAL_SLOTS(X)
#undef X
#define X(slot, Tile) uint32_t (*slot)(const Tile*) = nullptr;
  MEGASEAL_WHOLE_SLOTS(X)
#undef X
  /// The slots of SHA-256 for tiles of fewer messages, where another backend is faster than the one above. 0: nowhere.
  uint32_t few_hashed_below = 0;
  void (*few_extracted)(const HkdfExtractTile*) = nullptr;
  void (*few_expanded)(const HkdfExpandTile*) = nullptr;
  void (*few_scheduled)(const HpkeScheduleTile*) = nullptr;
  void hash(const HkdfExtractTile& t) const { (t.num < few_hashed_below ? few_extracted : hkdf_extract)(&t); }
  void hash(const HkdfExpandTile& t) const { (t.num < few_hashed_below ? few_expanded : hkdf_expand)(&t); }
  void hash(const HpkeScheduleTile& t) const {
    (t.num < few_hashed_below ? few_scheduled : hpke_schedule)(&t);
  }

  /// Tables are read by the backend that built them, which is also the one whose ladder they spare: all of this is of
  /// the backend that serves x25519_shared, or null where it has no tables.
  void (*x25519_prepare)(const X25519PrepareTile*) = nullptr;
  void (*x25519_prepared)(const X25519PreparedTile*) = nullptr;
  uint32_t prepared_bytes[x25519_prepared_sizes] = {};
  const PreparedCosts* prepared_costs = nullptr;
  uint32_t lanes = 1;
  uint32_t tile_items = 1;
  /// Of a device: who does what it leaves of whole tiles. Null elsewhere.
  const Dispatch* cpu = nullptr;
  /// Who serves each public operation, as megaseal_backend_name gives it; "" for one that nobody offers.
  std::array<std::string, MEGASEAL_OP_COUNT_> names;
};

/// Chooses slot by slot the first available backend that offers it; for SHA-256, over this process's own backends, the
/// fastest (hash_choice.hpp). A device is chosen where it is forced alone: what it gets otherwise depends on the batch.
/// With `forced` that backend goes first and only scalar fills its gaps. BACKEND_UNAVAILABLE when `forced` is unknown or
/// unavailable, or when a slot that everything rests on is offered by nobody.
megaseal_error choose(Dispatch* out, const std::vector<BackendState>& backends, std::string_view forced);

/// `cpu` with the slots that a device offers in place of its own, for tiles as large as the device asks.
Dispatch beside(const Dispatch& cpu, const KernelTable& device);

/// The best choice of this process, for work that belongs to no engine. Null when no backend works at all.
const Dispatch* process_dispatch();

}  // namespace megaseal
