// X25519 of AVX2: four lanes, radix 2^51 by fused multiply-add of doubles.
#include "backends/avx2/avx2.hpp"
#include "backends/avx2/real64.hpp"
#include "backends/scalar/scalar.hpp"
#include "edwards25519_base_w5.hpp"
#include "kernels/field_5x51_fma.hpp"
#include "kernels/lane_inversion.hpp"
#include "kernels/x25519_across.hpp"
#include "kernels/x25519_lanes.hpp"

namespace megaseal::avx2 {
namespace {

using Real = F64x4;
using Field = WithLaneInversion<Field5x51Fma<W64x4, Real>>;

/// Measured; README.md has the figures.
struct Tuning {
  static constexpr int groups = 16;  // vectors
  static constexpr u32 min_shared = 2, min_beside = 2, min_public = 1;
  // Deeper than the frames below a slot, as -fstack-usage shows them.
  static constexpr size_t shared_dead_bytes = 8192, public_dead_bytes = 5888, across_dead_bytes = 4096;
};

struct Few {
  static MEGASEAL_INLINE void x25519_shared(const X25519Tile* tile) {
    for (u32 i = 0; i < tile->num; i++) x25519_shared_across<Field>(*tile, i);
    wipe_stack<Tuning::across_dead_bytes>();
    wipe_registers();
  }
  static MEGASEAL_INLINE void x25519_public(const X25519Tile* tile) { scalar::x25519_public(tile); }
};
using Slots = X25519Lanes<Field, Few, Tuning>;

// 100 KB. Six-bit digits (165 KB) take 3 % less time while the table stays in a cache of a megabyte, which not every
// machine with AVX2 has; four-bit digits (61 KB) a fifth more.
using BaseComb = Comb<Field, 5, 51>;
constexpr BaseComb::Table base_table = BaseComb::pack(edwards25519_base_w5);

}  // namespace

void x25519_shared(const X25519Tile* tile) {
  const u32 callers = Real::enter();
  Slots::shared(*tile);
  Real::leave(callers);
}
void x25519_public(const X25519Tile* tile) {
  const u32 callers = Real::enter();
  Slots::publics<BaseComb>(*tile, base_table);
  Real::leave(callers);
}

}  // namespace megaseal::avx2
