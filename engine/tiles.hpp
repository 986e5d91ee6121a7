// Whole-tile operations composed from the slots of the best backends, stage by stage over scratch that stays
// in cache. A backend's own whole tile, where the dispatch kept one, takes the place of the composition.
#pragma once
#include "engine/dispatch.hpp"
#include "engine/workspace.hpp"
#include "kernels/table.hpp"

namespace megaseal {

/// seed.room ← the secrets of `num` items.
void make_ephemerals(const Dispatch& dispatch, const EphemeralSeed& seed, uint32_t num);

/// Tiles as table.hpp has them; these use w's dh, keys, nonces and survivors. `by_table`: how many of its last items have a
/// table in w.prepared; null: none.
void hpke_seal_tile(const Dispatch& dispatch, Workspace& w, const HpkeTile& tile,
                    const ByTable* by_table = nullptr);
void hpke_open_tile(const Dispatch& dispatch, Workspace& w, const HpkeTile& tile);
void sealedbox_seal_tile(const Dispatch& dispatch, Workspace& w, const SealedBoxTile& tile,
                         const ByTable* by_table = nullptr);
void sealedbox_open_tile(const Dispatch& dispatch, Workspace& w, const SealedBoxTile& tile);

/// Shared secrets of the items behind the ladder's, each with its secret, table and output.
void shared_by_table(const Dispatch& dispatch, const ByTable& by_table, const X25519PreparedItem* items);

}  // namespace megaseal
