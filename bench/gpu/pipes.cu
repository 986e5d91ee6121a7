#include "bench/gpu/pipes.hpp"

#include <algorithm>
#include <cstdint>

#include "bench/gpu/cuda_check.hpp"

namespace megaseal::bench::gpu {
namespace {

// Four warps a scheduler, eight chains a thread: more than any latency of an arithmetic instruction needs.
constexpr int block = 256, blocks_per_sm = 2, chains = 8, rounds = 16;

enum class Pipe { imad_wide, imad, lop3, shf, iadd, prmt, fp64, imad_wide_lop3, imad_wide_fp64 };

struct Ends {
  long long begin, end;
  unsigned long long begin_ns, end_ns;
};

__device__ unsigned long long nanoseconds() {
  unsigned long long t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
  return t;
}

// Operations are written in assembly, but the assembler optimises too: what does not depend on the round before it computes
// once, and of additions of the same number it makes one. So every operation's factors and summands are of the chains.
// tests/cuda/sass_pipes.py counts what is left of each.
template <Pipe kPipe>
__global__ void __launch_bounds__(block) run_pipe(uint32_t* out, uint32_t a, uint32_t b, int iterations, Ends* ends) {
  uint32_t x[chains];
  uint64_t wide[chains];
  double d[chains];
  const double f = a + 0.5;
  for (int i = 0; i < chains; i++) {
    x[i] = threadIdx.x * 77 + i;
    wide[i] = x[i];
    d[i] = x[i];
  }
  __syncthreads();
  const long long begin = clock64();
  const unsigned long long begin_ns = nanoseconds();
  for (int n = 0; n < iterations; n++) {
#pragma unroll
    for (int r = 0; r < rounds; r++) {
#pragma unroll
      for (int i = 0; i < chains; i++) {
        constexpr bool has_wide = kPipe == Pipe::imad_wide || kPipe == Pipe::imad_wide_lop3 || kPipe == Pipe::imad_wide_fp64;
        // As the kernels have it: of mad.wide.u32 the assembler makes a product and two additions.
        if constexpr (has_wide)
          asm volatile("{.reg .u32 l, h; mov.b64 {l, h}, %0; mad.lo.cc.u32 l, %1, %2, l; madc.hi.u32 h, %1, %2, h; mov.b64 %0, {l, h};}"
                       : "+l"(wide[i])
                       : "r"(uint32_t(wide[(i + 3) % chains])), "r"(a));
        if constexpr (kPipe == Pipe::imad)
          asm volatile("mad.lo.u32 %0, %0, %1, %2;" : "+r"(x[i]) : "r"(a), "r"(b));
        if constexpr (kPipe == Pipe::lop3 || kPipe == Pipe::imad_wide_lop3)
          asm volatile("lop3.b32 %0, %0, %1, %2, 0x96;" : "+r"(x[i]) : "r"(a), "r"(b));
        if constexpr (kPipe == Pipe::shf) asm volatile("shf.l.wrap.b32 %0, %0, %0, 7;" : "+r"(x[i]));
        // Of three numbers: additions of two it makes products, by turns.
        if constexpr (kPipe == Pipe::iadd)
          asm volatile("{.reg .u32 t; add.u32 t, %0, %1; add.u32 %0, t, %2;}" : "+r"(x[i]) : "r"(x[(i + 3) % chains]), "r"(a));
        if constexpr (kPipe == Pipe::prmt) asm volatile("prmt.b32 %0, %0, %0, 0x1032;" : "+r"(x[i]));
        if constexpr (kPipe == Pipe::fp64 || kPipe == Pipe::imad_wide_fp64)
          asm volatile("fma.rn.f64 %0, %0, %1, %1;" : "+d"(d[i]) : "d"(f));
      }
    }
  }
  // A scheduler may let one of its warps run to the end before it turns to another.
  __syncthreads();
  const long long end = clock64();
  const unsigned long long end_ns = nanoseconds();
  uint32_t sum = 0;
  for (int i = 0; i < chains; i++) sum += x[i] + uint32_t(wide[i]) + uint32_t(wide[i] >> 32) + uint32_t(d[i]);
  out[blockIdx.x * block + threadIdx.x] = sum;
  if (threadIdx.x == 0) ends[blockIdx.x] = {begin, end, begin_ns, end_ns};
}

struct Run {
  double clocks, seconds;
};

template <Pipe kPipe>
Run time_pipe(int iterations) {
  cudaDeviceProp properties;
  MEGASEAL_CUDA(cudaGetDeviceProperties(&properties, 0));
  const int blocks = blocks_per_sm * properties.multiProcessorCount;
  Buffer<uint32_t> out(size_t(blocks) * block);
  Buffer<Ends> ends(static_cast<size_t>(blocks));
  Run best{1e30, 0};
  for (int repeat = 0; repeat < 3; repeat++) {
    run_pipe<kPipe><<<blocks, block>>>(out.data(), 12345, 67890, iterations, ends.data());
    MEGASEAL_CUDA(cudaGetLastError());
    MEGASEAL_CUDA(cudaDeviceSynchronize());
    std::vector<Ends> all(static_cast<size_t>(blocks));
    ends.download(all.data(), all.size());
    double clocks = 0, seconds = 0;
    for (const Ends& e : all) {
      clocks = std::max(clocks, double(e.end - e.begin));
      seconds = std::max(seconds, double(e.end_ns - e.begin_ns) * 1e-9);
    }
    if (clocks < best.clocks) best = {clocks, seconds};
  }
  return best;
}

constexpr int iterations = 4000;

template <Pipe kPipe>
double per_clock(int operations) {
  const double issued = double(iterations) * rounds * chains * block * blocks_per_sm * operations;
  return issued / time_pipe<kPipe>(iterations).clocks;
}

}  // namespace

std::vector<PipeRate> measure_pipes() {
  return {{"IMAD.WIDE", per_clock<Pipe::imad_wide>(1)},
          {"IMAD", per_clock<Pipe::imad>(1)},
          {"LOP3", per_clock<Pipe::lop3>(1)},
          {"SHF (rotation)", per_clock<Pipe::shf>(1)},
          {"PRMT (rotation by bytes)", per_clock<Pipe::prmt>(1)},
          {"IADD3", per_clock<Pipe::iadd>(1)},
          {"DFMA", per_clock<Pipe::fp64>(1)},
          {"IMAD.WIDE and LOP3", per_clock<Pipe::imad_wide_lop3>(2)},
          {"IMAD.WIDE and DFMA", per_clock<Pipe::imad_wide_fp64>(2)}};
}

double sm_clock() {
  const Run run = time_pipe<Pipe::lop3>(iterations * 10);
  return run.clocks / run.seconds;
}

}  // namespace megaseal::bench::gpu
