// What tests/cuda/ptx_secrets.py must find: a kernel's name says what, up to "__"; and sass_secrets.py something in each. Secrets are what jobs' fields say.
#include "backends/cuda/jobs.hpp"

using namespace megaseal::gpu;
using Words = const uint32_t*;

#define KERNEL(name) extern "C" __global__ void name(const __grid_constant__ X25519Job job)
#define ITEM threadIdx.x
#define SECRET reinterpret_cast<Words>(job.secrets)[8 * ITEM]
#define OUT reinterpret_cast<uint32_t*>(job.out)

KERNEL(planted_branch__if) {
  if (SECRET & 1) OUT[ITEM] = 1;
}
KERNEL(planted_branch__loop) {
  uint32_t x = 1;
#pragma unroll 1
  for (uint32_t n = SECRET; n > 1; n /= 2) x = x * x + ITEM, OUT[n & 0] = x;
}
// Secret through a selection, and through shared memory, to which only another lane's secret came.
KERNEL(planted_branch__shared) {
  __shared__ uint32_t shared[32];
  shared[ITEM] = SECRET;
  __syncthreads();
  if ((shared[ITEM ^ 1] > 7 ? 3 : 5) == job.num) OUT[ITEM] = 1;
}
// Secret on one of two ways to the branch.
KERNEL(planted_branch__join) {
  uint32_t x = job.point_stride;
  if (job.num & 1) {
    OUT[ITEM] = 0;
    asm volatile("ld.global.u32 %0, [%1];" : "=r"(x) : "l"(job.secrets));
  }
  if (x == 7) OUT[ITEM] = 1;
}
// A carry's way.
KERNEL(planted_branch__carry) {
  uint32_t low, carry;
  asm("add.cc.u32 %0, %2, %2;\n\taddc.u32 %1, 0, 0;" : "=r"(low), "=r"(carry) : "r"(SECRET));
  if (carry) OUT[ITEM] = low;
}
KERNEL(planted_branch__exit) {
  asm volatile("{\n\t.reg .pred p;\n\tsetp.eq.u32 p, %0, 7;\n\t@p exit;\n\t}" ::"r"(SECRET));
  OUT[ITEM] = 1;
}
extern "C" __global__ void parameter_branch(const __grid_constant__ StreamJob job) {
  if (job.number & 1) job.out[ITEM] = 1;
}
KERNEL(planted_predicate__store) {
  asm volatile("{\n\t.reg .pred p;\n\tsetp.eq.u32 p, %0, 7;\n\t@p st.global.u32 [%1], 7;\n\t}" ::"r"(SECRET),
               "l"(job.out));
}
KERNEL(planted_predicate__barrier) {
  asm volatile("{\n\t.reg .pred p;\n\tsetp.eq.u32 p, %0, 7;\n\t@p bar.sync 0;\n\t}" ::"r"(SECRET));
}
KERNEL(planted_address__load) { OUT[ITEM] = static_cast<Words>(job.table)[SECRET & 15]; }
KERNEL(planted_address__shared) {
  __shared__ uint32_t shared[32];
  shared[ITEM] = ITEM;
  __syncthreads();
  OUT[ITEM] = shared[SECRET & 31];
}
KERNEL(planted_address__store) { OUT[SECRET & 15] = 1; }
KERNEL(planted_division) { OUT[ITEM] = SECRET / job.num; }
KERNEL(planted_division__remainder) { OUT[ITEM] = job.num % SECRET; }
KERNEL(planted_local_memory_and_address) {
  uint32_t x[64];
#pragma unroll 1
  for (int i = 0; i < 64; i++) x[i] = job.num * i;
  x[SECRET & 63] = 1;
  uint32_t sum = 0;
#pragma unroll 1
  for (int i = 0; i < 64; i++) sum = sum * 3 + x[i];
  OUT[ITEM] = sum + x[SECRET >> 6 & 63];
}
KERNEL(planted_local_memory__public_index) {
  uint32_t x[64];
#pragma unroll 1
  for (int i = 0; i < 64; i++) x[i] = SECRET * i;
  x[job.num & 63] = 1;
  OUT[ITEM] = x[job.secret_stride & 63];
}
KERNEL(planted_secret_stored_where_public_numbers_are) { job.status[ITEM] = uint8_t(SECRET); }
KERNEL(planted_instruction_unknown_here__vote) { OUT[ITEM] = __ballot_sync(~0u, SECRET & 1); }
KERNEL(planted_address_of_unknown_origin) {
  asm volatile("st.global.u32 [%0], 7;" ::"l"(uint64_t(job.num) << 12));
}

// Nothing of this depends on a secret: selections, branches and divisions on public numbers, shared memory, and a register
// that held a secret and holds a public number when it is asked.
KERNEL(clean_everything_else) {
  __shared__ uint32_t shared[32];
  if (ITEM >= job.num) return;
  uint32_t x = SECRET, mask = 0 - (x & 1);
  shared[ITEM] = (x & mask) | (static_cast<Words>(job.table)[ITEM / 3] & ~mask);
  __syncthreads();
  x = shared[ITEM] > 7 ? 3 : x << (shared[ITEM] & 31);
  for (uint32_t i = 0; i < job.num / job.point_stride; i++) x = x * x + shared[i & 31];
  if (job.status[ITEM] == 0) OUT[ITEM] = x;
  asm volatile(
      "{\n\t.reg .pred p;\n\t.reg .u32 x;\n\tmov.u32 x, %0;\n\tst.global.u32 [%1], x;\n\tmov.u32 x, %2;\n\t"
      "setp.eq.u32 p, x, 7;\n\t@p st.global.u32 [%1], 7;\n\t}" ::"r"(x),
      "l"(job.out), "r"(job.num));
}
