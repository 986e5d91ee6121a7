// Whole-tile operations composed from the slots of the best backends, stage by stage over scratch that stays
// in cache. A backend's own hpke_seal or hpke_open, where the dispatch kept one, takes the place of the
// composition.
#pragma once
#include "engine/dispatch.hpp"
#include "engine/workspace.hpp"
#include "kernels/table.hpp"

namespace megaseal {

/// seed.room ← the secrets of `num` items.
void make_ephemerals(const Dispatch& dispatch, const EphemeralSeed& seed, uint32_t num);

/// HpkeTile as table.hpp has it; uses w's dh, keys, nonces and survivors. `by_table`: how many of its last items have a
/// table in w.prepared; null: none.
void hpke_seal_tile(const Dispatch& dispatch, Workspace& w, const HpkeTile& tile,
                    const ByTable* by_table = nullptr);
void hpke_open_tile(const Dispatch& dispatch, Workspace& w, const HpkeTile& tile);

/// Shared secrets of the items behind the ladder's, each with its secret, table and output.
void shared_by_table(const Dispatch& dispatch, const ByTable& by_table, const X25519PreparedItem* items);

/// A tile of sealed boxes. `items` name everything but key and nonce, which are derived.
struct SealedBoxTile {
  bool salsa;  // crypto_box_seal; else crypto_box_curve25519xchacha20poly1305_seal
  uint32_t num;
  Strided secrets;     // ephemeral secrets (seal), recipients' secrets (open)
  Strided recipients;  // public keys
  uint8_t* enc;        // num * 32 bytes: ephemeral public keys, written by seal, read by open
  AeadItem* items;
  uint8_t* status;
};
void sealedbox_seal_tile(const Dispatch& dispatch, Workspace& w, const SealedBoxTile& tile,
                         const ByTable* by_table = nullptr);
void sealedbox_open_tile(const Dispatch& dispatch, Workspace& w, const SealedBoxTile& tile);

}  // namespace megaseal
