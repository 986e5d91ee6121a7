#define MEGASEAL_ISA cuda
#include "backends/cuda/prepared.hpp"

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
int launch_x25519_prepare(const PrepareJob& job, Stream) {
  cuda::run_on_host<cuda::X25519Teeth>(job, cuda::X25519Teeth::num_blocks(job));
  cuda::run_on_host<cuda::X25519Rows>(job, cuda::X25519Rows::num_blocks(job));
  return 0;
}
int launch_x25519_prepared(const PreparedJob& job, Stream) {
  cuda::run_on_host<cuda::X25519Prepared>(job, cuda::X25519Prepared::num_blocks(job));
  return 0;
}
int launch_x25519_public_of_four(const X25519Job& job, Stream) { return run<cuda::X25519Public<4>>(job); }

namespace {

template <class Program>
bool leaves_nothing(const typename Program::Job& job) {
  static typename Program::Shared shared;
  static typename Program::Lane lanes[Program::block];
  __builtin_memset(static_cast<void*>(&shared), 0xa5, sizeof shared);
  cuda::run_phases_on_host<Program>(job, 0, 1, shared, lanes);
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&shared);
  for (size_t i = 0; i < sizeof shared; i++)
    if (bytes[i]) return false;
  return true;
}

}  // namespace

bool x25519_leaves_nothing(const uint8_t* secret) {
  alignas(16) uint8_t out[32], status[1] = {0}, one_secret[32];
  __builtin_memcpy(one_secret, secret, 32);
  const X25519Job job = {.num = 1,
                         .secrets = one_secret,
                         .secret_stride = 32,
                         .points = one_secret,
                         .point_stride = 32,
                         .out = out,
                         .status = status,
                         .table = &base_table()};
  // Which table it is does not matter.
  alignas(16) static const uint8_t table[2 * PrepareJob::row_bytes] = {};
  const uint8_t has_table[1] = {1};
  uint32_t left[1], num_left = 0;
  const PreparedJob prepared = {.num = 1,
                                .items = nullptr,
                                .table_of = nullptr,
                                .rows = 2,
                                .spacing = 26,
                                .tables = table,
                                .has_table = has_table,
                                .secrets = one_secret,
                                .secret_stride = 32,
                                .out = out,
                                .status = status,
                                .left = left,
                                .num_left = &num_left};
  return leaves_nothing<cuda::X25519Shared>(job) && leaves_nothing<cuda::X25519Public<1>>(job) &&
         leaves_nothing<cuda::X25519Public<4>>(job) && leaves_nothing<cuda::X25519Prepared>(prepared);
}

}  // namespace megaseal::gpu::on_host
