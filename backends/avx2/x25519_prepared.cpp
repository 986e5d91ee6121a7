// X25519 with prepared public keys on AVX2: four lanes, radix 2^51 by fused multiply-add of doubles.
#include "kernels/x25519_prepared.hpp"

#include "backends/avx2/avx2.hpp"
#include "backends/avx2/real64.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/field_5x51_fma.hpp"
#include "kernels/lane_inversion.hpp"
#include "kernels/wipe_stack.hpp"

namespace megaseal::avx2 {
namespace {

using Real = F64x4;
using Field = WithLaneInversion<Field5x51Fma<W64x4, Real>>;
constexpr int groups = 16;  // vectors that share an inversion
// Deeper than the frames below the slot, as -fstack-usage shows them.
constexpr size_t dead_bytes = 8192;
// Tables of each size, so few that they are built by rows.
constexpr u32 few[] = {1, 2, 2};

}  // namespace

void x25519_prepare(const X25519PrepareTile* tile) {
  const u32 callers = Real::enter();
  x25519_prepare_tile_by_rows<Field, Field5x51<W64>>(*tile, few);
  Real::leave(callers);
}
void x25519_prepared(const X25519PreparedTile* tile) {
  const u32 callers = Real::enter();
  x25519_prepared_tile<Field, groups>(*tile);
  wipe_stack<dead_bytes>();
  wipe_registers();
  Real::leave(callers);
}

}  // namespace megaseal::avx2
