// A few bytes from the host to the device in a launch's parameter, which the driver has read when the launch returns. Of a
// copy from memory that is not pinned nobody promises that: where a GPU can reach that memory itself, the copy may read it in
// its turn, after it was wiped.
#pragma once
#include "backends/cuda/jobs.hpp"
#include "backends/cuda/memory.hpp"
#include "backends/cuda/program.hpp"

MEGASEAL_KERNELS_BEGIN

struct PutProgram {
  using Job = gpu::PutJob;
  struct Shared {};
  struct Lane {};
  static constexpr u32 block = 32;
  static constexpr u32 min_blocks = 1;
  static constexpr int phases = 1;

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& job, Place place, Shared&, Lane&) {
    if (place.lane != 0) return;
    MEGASEAL_UNROLL(4)
    for (int q = 0; q < 4; q++)
      store16(job.out + 16 * q,
              {{job.words[4 * q], job.words[4 * q + 1], job.words[4 * q + 2], job.words[4 * q + 3]}});
  }
};

MEGASEAL_KERNELS_END
