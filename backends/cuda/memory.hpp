// Sixteen bytes at a time, and four: what the device moves in one access.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

struct alignas(16) Vec16 {
  u32 w[4];
};
/// Pre: `p` is a multiple of 16.
MEGASEAL_INLINE Vec16 load16(const u8* p) {
#if defined(__CUDA_ARCH__)
  const uint4 x = *reinterpret_cast<const uint4*>(p);
  return {{x.x, x.y, x.z, x.w}};
#else
  Vec16 x;
  copy_bytes(&x, __builtin_assume_aligned(p, 16), 16);
  return x;
#endif
}
MEGASEAL_INLINE void store16(u8* p, const Vec16& x) {
#if defined(__CUDA_ARCH__)
  *reinterpret_cast<uint4*>(p) = make_uint4(x.w[0], x.w[1], x.w[2], x.w[3]);
#else
  copy_bytes(__builtin_assume_aligned(p, 16), &x, 16);
#endif
}
/// Pre: `p` is a multiple of 4.
MEGASEAL_INLINE u32 load4(const u8* p) {
#if defined(__CUDA_ARCH__)
  return *reinterpret_cast<const u32*>(p);
#else
  return load_le32(static_cast<const u8*>(__builtin_assume_aligned(p, 4)));
#endif
}
MEGASEAL_INLINE void store4(u8* p, u32 x) {
#if defined(__CUDA_ARCH__)
  *reinterpret_cast<u32*>(p) = x;
#else
  store_le32(static_cast<u8*>(__builtin_assume_aligned(p, 4)), x);
#endif
}
/// *p += x, all lanes of all blocks one after the other; what was there before.
MEGASEAL_INLINE u32 fetch_add(u32* p, u32 x) {
#if defined(__CUDA_ARCH__)
  return atomicAdd(p, x);
#else
  const u32 before = *p;
  *p += x;
  return before;
#endif
}
/// The word that keeps the first `n` of four bytes; none for n <= 0, all for n >= 4.
MEGASEAL_INLINE u32 first_bytes_mask(int n) {
  return n >= 4 ? ~u32(0) : n <= 0 ? 0 : (u32(1) << (8 * n)) - 1;
}

MEGASEAL_KERNELS_END
