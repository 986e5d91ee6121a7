// What planted.cu's kernels work on, and what one of them computes, for the host as well.
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define PLANTED_HD __host__ __device__ inline
#else
#define PLANTED_HD inline
#endif

namespace megaseal::test {

constexpr unsigned planted_lanes = 64, planted_results = 31;

struct Planted {
  unsigned num;
  const unsigned* in;
  unsigned* out;
};

/// Every kind of instruction that the backend's kernels have and integers of C++ bring about.
PLANTED_HD void planted_arithmetic(unsigned* out, unsigned a, unsigned b, unsigned c) {
  const uint64_t wide = uint64_t(a) << 32 | b;
  const int32_t sa = int32_t(a), sb = int32_t(b);
  const unsigned by = c % 32;
  uint64_t x = wide * (uint64_t(c) << 7 | 5) + b;
  out[0] = a + b * c;
  out[1] = unsigned(uint64_t(a) * b >> 32);
  out[2] = a << by | b >> (by ^ 31);
  out[3] = unsigned(sa >> by);
  out[4] = sa < sb ? a : c;
  out[5] = a < b ? b - c : c - b;
  out[6] = sa >= int32_t(c) ? ~a : 0 - b;
  out[7] = unsigned(x), out[8] = unsigned(x >> 32);
  x = (x << (c % 64)) ^ (x >> (a % 64));
  out[9] = unsigned(x), out[10] = unsigned(x >> 32);
  out[11] = wide > x ? 1u : 2u;
  out[12] = int64_t(wide) < int64_t(x) ? 3u : 4u;
  out[13] = unsigned(int64_t(x) >> by);
  out[14] = (a & b) | (~a & c);
  out[15] = uint16_t(a) * 257u + uint8_t(b);
  out[16] = sa > sb ? a : b;
  out[17] = a > b ? a : b;
  out[18] = (a == b || b == c || sa <= sb) ? 1u : 0u;
  out[19] = (a << 7 | a >> 25) ^ (b << 16 | b >> 16);
#if defined(__CUDA_ARCH__)
  out[20] = __byte_perm(a, b, c & 0x7777);
#else
  out[20] = 0;
  for (int k = 0; k < 4; k++)
    out[20] |= unsigned((uint64_t(b) << 32 | a) >> 8 * (c >> 4 * k & 7) & 255) << 8 * k;
#endif
  out[21] = unsigned(int64_t(sa) * sb >> 20);
  out[22] = uint16_t(c) > 1000 ? uint16_t(c) ^ 0xffffu : uint16_t(c) + 1u;
  out[23] = (wide != x && (c & 3) != 1) ? unsigned(wide - x) : unsigned(x & wide);
  out[24] = a % (c | 1), out[25] = b / (a | 1);
#if defined(__CUDA_ARCH__)
  out[26] = __funnelshift_r(a, b, c);
  out[27] = __umulhi(b, c);
  // Of these nvcc makes nothing else: in assembly.
  asm("lop3.b32 %0, %1, %2, %3, 0x6a;" : "=r"(out[28]) : "r"(a), "r"(b), "r"(c));
  asm("bfe.u32 %0, %1, %2, %3;" : "=r"(out[29]) : "r"(a), "r"(b & 31), "r"(c & 31));
  uint64_t sum;
  asm("mad.wide.u32 %0, %1, %2, %3;" : "=l"(sum) : "r"(a), "r"(b), "l"(wide));
  out[30] = unsigned(sum >> 16);
#else
  out[26] = unsigned((uint64_t(b) << 32 | a) >> (c % 32));
  out[27] = unsigned(uint64_t(b) * c >> 32);
  out[28] = c ^ (a & b);
  out[29] = a >> (b & 31) & ((1u << (c & 31)) - 1);
  out[30] = unsigned((uint64_t(a) * b + wide) >> 16);
#endif
}

}  // namespace megaseal::test
