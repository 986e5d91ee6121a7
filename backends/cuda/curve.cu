#define MEGASEAL_ISA cuda
#include "backends/cuda/curve.hpp"

#include "backends/cuda/kernel.cuh"
#include "backends/cuda/launches.hpp"
#include "backends/cuda/prepared.hpp"
#include "edwards25519_base_w5.hpp"

namespace megaseal::gpu::device {

namespace {

/// The table as the generator wrote it, whose 64-bit words are the limbs' two by two.
struct alignas(16) Table {
  uint64_t words[51][16][3][4];
};
constexpr Table pack() {
  Table t{};
  for (int w = 0; w < 51; w++)
    for (int j = 0; j < 16; j++)
      for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++) t.words[w][j][c][i] = cuda::edwards25519_base_w5[w][j][c][i];
  return t;
}
__device__ const Table base_table = pack();

template <class Program>
int launch(const typename Program::Job& job, Stream stream) {
  const cuda::u32 blocks = Program::num_blocks(job);
  if (blocks == 0) return 0;
  cuda::kernel<Program><<<blocks, Program::block, 0, static_cast<cudaStream_t>(stream)>>>(job);
  return int(cudaGetLastError());
}

}  // namespace

int launch_x25519_shared(const X25519Job& job, Stream stream) {
  return launch<cuda::X25519Shared>(job, stream);
}

int launch_x25519_public(const X25519Job& job, Stream stream) {
  X25519Job with_table = job;
  void* table = nullptr;
  if (const cudaError_t error = cudaGetSymbolAddress(&table, base_table)) return int(error);
  with_table.table = table;
  return cuda::with_public_program(
      job.num, [&]<class Program>(Program) { return launch<Program>(with_table, stream); });
}

int launch_x25519_prepare(const PrepareJob& job, Stream stream) {
  if (const int error = launch<cuda::X25519Teeth>(job, stream)) return error;
  return launch<cuda::X25519Rows>(job, stream);
}
int launch_x25519_prepared(const PreparedJob& job, Stream stream) {
  return launch<cuda::X25519Prepared>(job, stream);
}

}  // namespace megaseal::gpu::device
