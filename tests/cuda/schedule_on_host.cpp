#define MEGASEAL_ISA cuda
#include "backends/cuda/put.hpp"
#include "backends/cuda/schedule.hpp"
#include "backends/cuda/sealedbox.hpp"
#include "tests/cuda/on_host.hpp"

namespace megaseal::gpu::on_host {

int launch_put(const PutJob& job, Stream) {
  cuda::run_on_host<cuda::PutProgram>(job, 1);
  return 0;
}
int launch_hpke_schedule(const ScheduleJob& job, Stream) {
  using Program = cuda::ScheduleProgram;
  const Program::Job prepared = cuda::prepare_schedule(job);
  cuda::run_on_host<Program>(prepared, Program::num_blocks(prepared));
  return 0;
}
int launch_sealedbox_keys(const SealedBoxJob& job, Stream) {
  cuda::run_on_host<cuda::SealedBoxProgram>(job, cuda::SealedBoxProgram::num_blocks(job));
  return 0;
}

}  // namespace megaseal::gpu::on_host
