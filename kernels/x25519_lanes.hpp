// The X25519 slots of a vector backend: whole vectors to its field, and a rest too small to be worth one to a
// backend of fewer lanes.
#pragma once
#include "kernels/edwards25519_comb.hpp"
#include "kernels/wipe_stack.hpp"
#include "kernels/x25519.hpp"

MEGASEAL_KERNELS_BEGIN

/// Items first … first + num - 1 of a tile.
MEGASEAL_INLINE X25519Tile part_of(const X25519Tile& tile, u32 first, u32 num) {
  X25519Tile part = tile;
  part.num = num;
  part.secrets.base += first * tile.secrets.stride;
  if (part.points.base) part.points.base += first * tile.points.stride;
  part.out += 32 * size_t(first);
  if (part.status) part.status += first;
  return part;
}

/// Few: slots that serve fewer items better. Tuning says, by measurement, how many vectors share an inversion, from how
/// many items on a vector is worth its time, by itself or beside another, and how deep the frames below go.
template <class F, class Few, class Tuning, class Ladders = LadderSingly<F>>
struct X25519Lanes {
  static MEGASEAL_INLINE void shared(const X25519Tile& tile) {
    // A vector that is not worth its time may still be worth its place beside another.
    const u32 vectors = tile.num / u32(F::W::lanes);
    const u32 together =
        in_vectors(tile.num, vectors % Ladders::at_a_time == 0 ? Tuning::min_shared : Tuning::min_beside);
    if (together < tile.num) {
      const X25519Tile rest = part_of(tile, together, tile.num - together);
      Few::x25519_shared(&rest);
    }
    if (together) {
      x25519_shared_tile<F, Tuning::groups, Ladders>(part_of(tile, 0, together));
      wipe_stack<Tuning::shared_dead_bytes>();
      wipe_registers();
    }
  }
  template <class C>
  static MEGASEAL_INLINE void publics(const X25519Tile& tile, const typename C::Table& table) {
    const u32 together = in_vectors(tile.num, Tuning::min_public);
    if (together < tile.num) {
      const X25519Tile rest = part_of(tile, together, tile.num - together);
      Few::x25519_public(&rest);
    }
    if (together) {
      x25519_public_tile<F, C, Tuning::groups>(part_of(tile, 0, together), table);
      wipe_stack<Tuning::public_dead_bytes>();
      wipe_registers();
    }
  }

 private:
  static MEGASEAL_INLINE u32 in_vectors(u32 num, u32 min_items) {
    const u32 rest = num % u32(F::W::lanes);
    return rest < min_items ? num - rest : num;
  }
};

MEGASEAL_KERNELS_END
