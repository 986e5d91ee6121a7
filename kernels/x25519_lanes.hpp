// The X25519 slots of a vector backend: whole vectors to its field, and a rest too small to fill one to the portable
// backend's code, one item at a time.
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

/// F and Alone: the vector's field, and OneLane of backends/scalar/x25519.hpp. Tuning says, by measurement, how many
/// vectors share an inversion, from how many items on a vector is worth its time, and how deep the frames below go.
template <class F, class Alone, class Tuning, class Ladders = LadderSingly<F>>
struct X25519Lanes {
  static MEGASEAL_INLINE void shared(const X25519Tile& tile) {
    const u32 together = in_vectors(tile.num, Tuning::min_shared), alone = tile.num - together;
    if (together) x25519_shared_tile<F, Tuning::groups, Ladders>(part_of(tile, 0, together));
    if (alone) Alone::template shared<1>(part_of(tile, together, alone));
    wipe_below<Tuning::shared_dead_bytes>(together);
  }
  template <class C>
  static MEGASEAL_INLINE void publics(const X25519Tile& tile, const typename C::Table& table) {
    const u32 together = in_vectors(tile.num, Tuning::min_public), alone = tile.num - together;
    if (together) x25519_public_tile<F, C, Tuning::groups>(part_of(tile, 0, together), table);
    if (alone) Alone::template publics<1>(part_of(tile, together, alone));
    wipe_below<Tuning::public_dead_bytes>(together);
  }

 private:
  static MEGASEAL_INLINE u32 in_vectors(u32 num, u32 min_items) {
    const u32 rest = num % u32(F::W::lanes);
    return rest < min_items ? num - rest : num;
  }
  /// A message alone should not pay for wiping what only vectors leave.
  template <size_t kBytes>
  static MEGASEAL_INLINE void wipe_below(u32 together) {
    if (together)
      wipe_stack<kBytes>();
    else
      wipe_stack<Tuning::alone_dead_bytes>();
    wipe_registers();
  }
};

MEGASEAL_KERNELS_END
