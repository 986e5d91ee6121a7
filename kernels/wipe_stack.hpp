// Wiping the stack below a caller.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

/// Buffers that hold secrets are wiped where they end. What the compiler itself spilled (a cipher's state, a
/// MAC's accumulator) has no name; it lies in the dead frames of the functions just called, and this
/// function's frame, in the same place, overwrites it. A slot calls it once a tile, before it returns.
template <size_t kBytes>
MEGASEAL_NOINLINE void wipe_stack() {
  u8 dead[kBytes];
  wipe(dead, sizeof dead);
}

MEGASEAL_KERNELS_END
