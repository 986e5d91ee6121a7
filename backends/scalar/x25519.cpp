// X25519 of the portable backend: one lane, radix 2^51.
#include "kernels/x25519.hpp"

#include "backends/scalar/field.hpp"
#include "backends/scalar/scalar.hpp"
#include "edwards25519_base_w4.hpp"
#include "kernels/edwards25519_comb.hpp"
#include "kernels/wipe_registers.hpp"
#include "kernels/wipe_stack.hpp"

namespace megaseal::scalar {
namespace {

using BaseComb = Comb<Field, 4, 64>;
// 61 KB. Five-bit digits (100 KB) need a fifth fewer additions but read twice as many entries a look-up:
// measured, 5 % faster in batches whose table stays in cache. The smaller one is kept for callers with little
// cache to spare.
constexpr BaseComb::Table base_table = BaseComb::pack(edwards25519_base_w4);
constexpr int inner_tile = 64;
// Deeper than any chain of frames below a slot of this file, as -fstack-usage shows them.
constexpr size_t dead_bytes = 4096;

}  // namespace

void x25519_shared(const X25519Tile* tile) {
  x25519_shared_tile<Field, inner_tile>(*tile);
  wipe_stack<dead_bytes>();
  wipe_registers();
}
void x25519_public(const X25519Tile* tile) {
  x25519_public_tile<Field, BaseComb, inner_tile>(*tile, base_table);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

}  // namespace megaseal::scalar
