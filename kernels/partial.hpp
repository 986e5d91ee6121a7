// Loads and stores of fewer than 16 bytes, without touching a byte beyond them and without a copy through
// memory (a wide load right after narrow stores stalls). Branches depend on the length alone, which is
// public.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

/// n < 8 bytes as a little-endian number, zeros above. Two overlapping halves: bytes that both cover agree.
MEGASEAL_INLINE u64 load_partial8(const u8* p, size_t n) {
  if (n >= 4) return load_le32(p) | u64(load_le32(p + n - 4)) << (8 * (n - 4));
  if (n == 0) return 0;
  return p[0] | u64(p[n / 2]) << (8 * (n / 2)) | u64(p[n - 1]) << (8 * (n - 1));
}
/// The n < 8 low bytes of x.
MEGASEAL_INLINE void store_partial8(u8* p, u64 x, size_t n) {
  if (n >= 4) {
    store_le32(p, u32(x));
    store_le32(p + n - 4, u32(x >> (8 * (n - 4))));
  } else if (n != 0) {
    p[0] = u8(x);
    p[n / 2] = u8(x >> (8 * (n / 2)));
    p[n - 1] = u8(x >> (8 * (n - 1)));
  }
}

/// n < 16 bytes as two little-endian numbers, zeros above.
MEGASEAL_INLINE void load_partial16(u64& lo, u64& hi, const u8* p, size_t n) {
  lo = n >= 8 ? load_le64(p) : load_partial8(p, n);
  hi = n >= 8 ? load_partial8(p + 8, n - 8) : 0;
}

/// out = in ^ pad over n bytes; `out` may equal `in`. Whole words first, so that a short message costs a few
/// steps.
MEGASEAL_INLINE void xor_bytes(u8* out, const u8* in, const u8* pad, size_t n) {
  size_t i = 0;
  for (; n - i >= 16; i += 16) {
    u64 lo = load_le64(in + i) ^ load_le64(pad + i), hi = load_le64(in + i + 8) ^ load_le64(pad + i + 8);
    store_le64(out + i, lo);
    store_le64(out + i + 8, hi);
  }
  if (n - i >= 8) {
    store_le64(out + i, load_le64(in + i) ^ load_le64(pad + i));
    i += 8;
  }
  // The pad is read whole: it is key stream, of which there is always a block.
  if (n - i != 0) store_partial8(out + i, load_partial8(in + i, n - i) ^ load_le64(pad + i), n - i);
}

MEGASEAL_KERNELS_END
