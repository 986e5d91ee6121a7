// Wiping the stack below a caller.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

template <size_t kBytes>
MEGASEAL_NOINLINE void wipe_frame() {
  u8 dead[kBytes];
  wipe(dead, sizeof dead);
}

/// Buffers that hold secrets are wiped where they end. What the compiler itself spilled (a cipher's state, a MAC's
/// accumulator, a ladder's limbs) has no name; it lies in the dead frames of the functions just called, and a frame in
/// the same place overwrites it. A slot calls this once a tile, before it returns, and is itself so thin that its own
/// frame holds no secret: work that spills belongs into functions of their own (MEGASEAL_NOINLINE).
template <size_t kBytes>
MEGASEAL_INLINE void wipe_stack() {
  wipe_frame<kBytes>();
  // Something has to follow: as a jump at the caller's very end it would wipe from the caller's own frame on, and end
  // too high above the frames that are meant.
  __asm__ volatile("" : : : "memory");
}

MEGASEAL_KERNELS_END
