// What every kernel header starts from: the namespace of the instruction set being compiled, the function
// attributes, byte access, and wiping.
//
// Kernels are templates over a word (and the curve kernels over a field built on a word). A file that
// instantiates them defines MEGASEAL_ISA first, so that the same template compiled under two sets of flags is
// two different symbols, and the anonymous namespace keeps all of them out of the linker's sight: nothing
// compiled for AVX-512 can be picked up by a baseline caller. Kernels use no intrinsics and nothing of std::
// beyond these headers.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifndef MEGASEAL_ISA
#error "define MEGASEAL_ISA (the backend's name) before including a kernel"
#endif

#define MEGASEAL_KERNELS_BEGIN \
  namespace megaseal {         \
  namespace MEGASEAL_ISA {     \
  namespace {
#define MEGASEAL_KERNELS_END \
  }                          \
  }                          \
  }

#if defined(__CUDACC__)
#define MEGASEAL_HD __host__ __device__
#else
#define MEGASEAL_HD
#endif

/// Small functions: always inlined, so that no copy of them with a backend's flags exists on its own.
#define MEGASEAL_INLINE MEGASEAL_HD inline __attribute__((always_inline))
/// Large functions that the compiler is to keep as one body per instantiation. Not on a CUDA device, where what a call
/// passes by reference would lie in memory that nothing wipes.
#if defined(__CUDACC__)
#define MEGASEAL_NOINLINE MEGASEAL_INLINE
#else
#define MEGASEAL_NOINLINE __attribute__((noinline))
#endif

/// Before a constexpr array outside of functions, which a device must be told to have as well.
#if defined(__CUDA_ARCH__)
#define MEGASEAL_TABLE __device__
#else
#define MEGASEAL_TABLE
#endif

/// Before a loop of `n` turns that indexes an array which a device is to keep in registers. Tests that run a device's code on
/// the host compile it faster as it stands.
#if defined(__CUDACC__)
#define MEGASEAL_PRAGMA(x) _Pragma(#x)
#define MEGASEAL_UNROLL(n) MEGASEAL_PRAGMA(unroll n)
#else
#define MEGASEAL_UNROLL(n)
#endif

MEGASEAL_KERNELS_BEGIN

using u8 = uint8_t;
using u32 = uint32_t;
using u64 = uint64_t;

MEGASEAL_INLINE void copy_bytes(void* dst, const void* src, size_t n) { __builtin_memcpy(dst, src, n); }

/// Overwrites `n` bytes with zeros in a way that the optimiser may not remove.
MEGASEAL_INLINE void wipe(void* p, size_t n) {
  __builtin_memset(p, 0, n);
#if !defined(__CUDA_ARCH__)
  __asm__ volatile("" : : "r"(p) : "memory");
#endif
}

/// Hides a value's origin from the optimiser, so that a mask is not turned back into a branch.
template <class T>
MEGASEAL_INLINE T value_barrier(T x) {
#if !defined(__CUDA_ARCH__)
  __asm__("" : "+r"(x));
#endif
  return x;
}

/// Keeps an array where it lies: its parts are not held, and spilled, as words of their own meanwhile.
template <class T>
MEGASEAL_INLINE void stay_in_memory(T& x) {
#if !defined(__CUDA_ARCH__)
  __asm__ volatile("" : "+m"(x));
#endif
}

/// Waits until all that was loaded so far is known to be what memory held, the two addresses included, which are in
/// registers from here on. Until then a processor may go on with a guess, and use as an address what a store of a secret has
/// just left (tests/ct/README.md, "Speculation").
template <class T, class U>
MEGASEAL_INLINE void settle(T*& p, U*& q) {
#if defined(__x86_64__) && !defined(__CUDA_ARCH__)
  __asm__ volatile("lfence" : "+r"(p), "+r"(q) : : "memory");
#endif
}
/// The same, for registers that a function has restored before it returned.
MEGASEAL_INLINE void settle() {
#if defined(__x86_64__) && !defined(__CUDA_ARCH__)
  __asm__ volatile("lfence" : : : "memory");
#endif
}

/// Keeps an address in a vector register while secrets take all general ones, so that nothing has to be settled afterwards.
template <class T>
class SetAside {
 public:
  MEGASEAL_INLINE explicit SetAside(T* p) : p_(reinterpret_cast<u64>(p)) { hide(p_); }
  MEGASEAL_INLINE T* take_back() const {
    u64 p = p_;
    hide(p);
    return reinterpret_cast<T*>(p);
  }

 private:
  static MEGASEAL_INLINE void hide(u64& p) {
#if defined(__x86_64__) && !defined(__CUDA_ARCH__)
    __asm__("" : "+x"(p));
#endif
  }
  u64 p_;
};

/// Whether `x`, computed from secrets, is zero, made public: callers may branch on the answer. No other jump may depend on
/// a secret, which tests/ct checks in the binary: the address of each jump made here is noted in the object's section
/// `megaseal_public`, which takes no room in memory.
MEGASEAL_INLINE bool is_zero_made_public(u64 x) {
#if defined(__x86_64__) && !defined(__CUDA_ARCH__)
  __asm__ goto(
      "testq %0, %0\n"
      "771:\tjz %l1\n\t"
      ".pushsection megaseal_public,\"\",@progbits\n\t"
      ".quad 771b\n\t"
      ".popsection"
      :
      : "r"(x)
      : "cc"
      : zero);
  return false;
zero:
  return true;
#else
  return x == 0;
#endif
}

/// States that x is below `end`, where what follows rests on it. Words that follow bounds check it (tests/proofs).
template <class W>
MEGASEAL_INLINE void expect_below(const W&, u64) {}

/// Unaligned little-endian and big-endian access (hosts and devices served here are little-endian).
MEGASEAL_INLINE u32 load_le32(const u8* p) {
  u32 x;
  copy_bytes(&x, p, 4);
  return x;
}
MEGASEAL_INLINE u64 load_le64(const u8* p) {
  u64 x;
  copy_bytes(&x, p, 8);
  return x;
}
MEGASEAL_INLINE void store_le32(u8* p, u32 x) { copy_bytes(p, &x, 4); }
MEGASEAL_INLINE void store_le64(u8* p, u64 x) { copy_bytes(p, &x, 8); }
MEGASEAL_INLINE u32 reverse_bytes(u32 x) {
#if defined(__CUDA_ARCH__)
  return __byte_perm(x, 0, 0x0123);
#else
  return __builtin_bswap32(x);
#endif
}
MEGASEAL_INLINE u32 load_be32(const u8* p) { return reverse_bytes(load_le32(p)); }
MEGASEAL_INLINE void store_be32(u8* p, u32 x) { store_le32(p, reverse_bytes(x)); }

MEGASEAL_KERNELS_END
