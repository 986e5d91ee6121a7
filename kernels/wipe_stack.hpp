// Wiping the stack below a caller, and the registers that nobody else will.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

template <size_t kBytes>
MEGASEAL_NOINLINE void wipe_frame() {
  u8 dead[kBytes];
  wipe(dead, sizeof dead);
}

/// Zeros in the general registers that a function need not preserve.
MEGASEAL_INLINE void wipe_general_registers() {
#if defined(__x86_64__) && !defined(__CUDA_ARCH__)
  __asm__ volatile(
      "xorl %%eax, %%eax\n\txorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\t"
      "xorl %%esi, %%esi\n\txorl %%edi, %%edi\n\txorl %%r8d, %%r8d\n\t"
      "xorl %%r9d, %%r9d\n\txorl %%r10d, %%r10d\n\txorl %%r11d, %%r11d"
      :
      :
      : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc", "memory");
#else
  __asm__ volatile("" : : : "memory");
#endif
}

/// Buffers that hold secrets are wiped where they end. What the compiler itself spilled (a cipher's state, a MAC's
/// accumulator, a ladder's limbs) has no name; it lies in the dead frames of the functions just called, and a frame in
/// the same place overwrites it. A slot calls this once a tile, before it returns, and is itself so thin that its own
/// frame holds no secret: work that spills belongs into functions of their own (MEGASEAL_NOINLINE). What those left in
/// general registers goes as well.
template <size_t kBytes>
MEGASEAL_INLINE void wipe_stack() {
  wipe_frame<kBytes>();
  // Something has to follow: as a jump at the caller's very end it would wipe from the caller's own frame on, and end
  // too high above the frames that are meant.
  wipe_general_registers();
}

MEGASEAL_KERNELS_END
