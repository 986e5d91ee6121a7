#define MEGASEAL_ISA cuda
#include "backends/cuda/kernel.cuh"
#include "backends/cuda/launches.hpp"
#include "backends/cuda/put.hpp"
#include "backends/cuda/schedule.hpp"
#include "backends/cuda/sealedbox.hpp"

namespace megaseal::gpu::device {

int launch_put(const PutJob& job, Stream stream) {
  using Program = cuda::PutProgram;
  // Where the job lies, and not by value: what <<<>>> copies to the stack nobody wipes.
  void* parameters[] = {const_cast<PutJob*>(&job)};
  const cudaError_t error = cudaLaunchKernel(cuda::kernel<Program>, dim3(1), dim3(Program::block), parameters, 0,
                                             static_cast<cudaStream_t>(stream));
  if (error != cudaSuccess) (void)cudaGetLastError();
  return int(error);
}
int launch_hpke_schedule(const ScheduleJob& job, Stream stream) {
  using Program = cuda::ScheduleProgram;
  if (job.num == 0) return 0;
  const Program::Job prepared = cuda::prepare_schedule(job);
  cuda::kernel<Program>
      <<<Program::num_blocks(prepared), Program::block, 0, static_cast<cudaStream_t>(stream)>>>(prepared);
  return int(cudaGetLastError());
}
int launch_sealedbox_keys(const SealedBoxJob& job, Stream stream) {
  using Program = cuda::SealedBoxProgram;
  if (job.num == 0) return 0;
  cuda::kernel<Program>
      <<<Program::num_blocks(job), Program::block, 0, static_cast<cudaStream_t>(stream)>>>(job);
  return int(cudaGetLastError());
}

}  // namespace megaseal::gpu::device
