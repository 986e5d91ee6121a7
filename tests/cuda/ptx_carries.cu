// The field's operations as kernels of one lane, for ptx_carries.py. Number 0 is the result, 1 and 2 are the factors, and
// bit 3 of number 3 selects.
#define MEGASEAL_ISA cuda
#include "backends/cuda/word.hpp"
#include "kernels/field_8x32.hpp"

using namespace megaseal::cuda;
using F = Field8x32<W32>;

static __device__ F::Elem number(const u32* p, int i) {
  F::Elem e;
  for (int k = 0; k < 8; k++) e.l[k] = p[8 * i + k];
  return e;
}
static __device__ void put(u32* p, const F::Elem& e) {
  for (int k = 0; k < 8; k++) p[k] = e.l[k];
}
extern "C" {
__global__ void field_mul(u32* p) { put(p, F::mul(number(p, 1), number(p, 2))); }
__global__ void field_sqr(u32* p) { put(p, F::sqr(number(p, 1))); }
__global__ void field_add(u32* p) { put(p, F::add(number(p, 1), number(p, 2))); }
__global__ void field_sub(u32* p) { put(p, F::sub(number(p, 1), number(p, 2))); }
__global__ void field_add_mul_small(u32* p) { put(p, F::add_mul_small<121665>(number(p, 1), number(p, 2))); }
__global__ void field_freeze(u32* p) { put(p, F::freeze(number(p, 1))); }
__global__ void field_is_zero(u32* p) { put(p, F::small(F::is_zero(number(p, 1)).m)); }
__global__ void field_select(u32* p) { put(p, F::select(W32{p[24]}.bit<3>(), number(p, 1), number(p, 2))); }
}
