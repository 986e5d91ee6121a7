// X25519 with prepared public keys, portable: one lane, radix 2^51.
#include "kernels/x25519_prepared.hpp"

#include "backends/scalar/field.hpp"
#include "backends/scalar/scalar.hpp"
#include "kernels/wipe_registers.hpp"
#include "kernels/wipe_stack.hpp"

namespace megaseal::scalar {
namespace {

constexpr int inner_tile = 64;
// Deeper than the frames below the slot, as -fstack-usage shows them.
constexpr size_t dead_bytes = 4096;

}  // namespace

void x25519_prepare(const X25519PrepareTile* tile) { x25519_prepare_tile<Field>(*tile); }
void x25519_prepared(const X25519PreparedTile* tile) {
  x25519_prepared_tile<Field, inner_tile>(*tile);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

}  // namespace megaseal::scalar
