// X25519 of AVX-512: eight lanes, radix 2^51 by fused multiply-add of doubles.
#include "backends/avx2/avx2.hpp"
#include "backends/avx512/avx512.hpp"
#include "backends/avx512/real64.hpp"
#include "edwards25519_base_w6.hpp"
#include "kernels/field_5x51_fma.hpp"
#include "kernels/lane_inversion.hpp"
#include "kernels/x25519_lanes.hpp"

namespace megaseal::avx512 {
namespace {

using Real = F64x8;
using Field = WithLaneInversion<Field5x51Fma<W64x8, Real>>;

/// Every processor with AVX-512 has what AVX2's slots need.
struct Few {
  static MEGASEAL_INLINE void x25519_shared(const X25519Tile* tile) { avx2::x25519_shared(tile); }
  static MEGASEAL_INLINE void x25519_public(const X25519Tile* tile) { avx2::x25519_public(tile); }
};

/// Measured; README.md has the figures.
struct Tuning {
  static constexpr int groups = 8;  // vectors
  static constexpr u32 min_shared = 5, min_beside = 5, min_public = 5;
  // Deeper than the frames below a slot, as -fstack-usage shows them.
  static constexpr size_t shared_dead_bytes = 8192, public_dead_bytes = 5888;
};
using Slots = X25519Lanes<Field, Few, Tuning>;

// 165 KB, as in avx512ifma.
using BaseComb = Comb<Field, 6, 43>;
constexpr BaseComb::Table base_table = BaseComb::pack(edwards25519_base_w6);

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

}  // namespace megaseal::avx512
