// X25519 with prepared public keys on AVX-512 IFMA: eight lanes, radix 2^51 by 52-bit multiply-add.
#include "kernels/x25519_prepared.hpp"

#include "backends/avx512ifma/avx512ifma.hpp"
#include "backends/avx512ifma/word64.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/field_5x51_madd.hpp"
#include "kernels/lane_inversion.hpp"
#include "kernels/wipe_stack.hpp"

namespace megaseal::avx512ifma {
namespace {

using Field = WithLaneInversion<Field5x51Madd<W64x8>>;
constexpr int groups = 8;  // vectors that share an inversion
// Deeper than the frames below the slot, as -fstack-usage shows them.
constexpr size_t dead_bytes = 8192;
// Tables of each size, so few that they are built by rows.
constexpr u32 few[] = {0, 1, 2};

}  // namespace

void x25519_prepare(const X25519PrepareTile* tile) {
  x25519_prepare_tile_by_rows<Field, Field5x51<W64>>(*tile, few);
}
void x25519_prepared(const X25519PreparedTile* tile) {
  x25519_prepared_tile<Field, groups>(*tile);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

}  // namespace megaseal::avx512ifma
