#define MEGASEAL_ISA cuda
#include "backends/cuda/curve.hpp"

#include "edwards25519_base_w5.hpp"
#include "tests/cuda/on_host.hpp"

namespace megaseal::gpu::on_host {

namespace {

struct alignas(16) Table {
  uint64_t words[51][16][3][4];
};
const Table& base_table() {
  static const Table table = [] {
    Table t;
    static_assert(sizeof t == sizeof cuda::edwards25519_base_w5);
    __builtin_memcpy(&t, cuda::edwards25519_base_w5, sizeof t);
    return t;
  }();
  return table;
}

template <class Program>
int run(X25519Job job) {
  job.table = &base_table();
  cuda::run_on_host<Program>(job, Program::num_blocks(job));
  return 0;
}

}  // namespace

int launch_x25519_shared(const X25519Job& job, Stream) { return run<cuda::X25519Shared>(job); }
int launch_x25519_public(const X25519Job& job, Stream) {
  return cuda::with_public_program(job.num, [&]<class Program>(Program) { return run<Program>(job); });
}
int launch_x25519_public_of_four(const X25519Job& job) { return run<cuda::X25519Public<4>>(job); }

}  // namespace megaseal::gpu::on_host
