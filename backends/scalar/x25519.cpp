// X25519 of the portable backend: one lane, radix 2^51.
#include "backends/scalar/x25519.hpp"

#include "backends/scalar/scalar.hpp"
#include "kernels/wipe_stack.hpp"

namespace megaseal::scalar {
namespace {

constexpr int inner_tile = 64;
// Deeper than any chain of frames below a slot of this file, as -fstack-usage shows them.
constexpr size_t dead_bytes = 4096;

}  // namespace

void x25519_shared(const X25519Tile* tile) {
  OneLane::shared<inner_tile>(*tile);
  wipe_stack<dead_bytes>();
}
void x25519_public(const X25519Tile* tile) {
  OneLane::publics<inner_tile>(*tile);
  wipe_stack<dead_bytes>();
}

}  // namespace megaseal::scalar
