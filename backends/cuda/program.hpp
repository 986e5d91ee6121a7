// How work reaches a device, or a test that stands in for one.
//
// A program is what one launch does: for each lane (CUDA: thread) of each block, phases with a barrier between one and
// the next. Phases are plain functions. The device runs them in a `__global__` function of a few lines
// (backends/cuda/kernel.cuh); run_on_host() calls them in turn, lane by lane, so that a machine without a device runs the
// same code. What a lane must remember from one phase to the next is in its Lane, what a block shares in its Shared.
//
//   struct Program {
//     using Job = …;                          // plain pointers and numbers, passed by value
//     struct Shared {…};                      // of a block
//     struct Lane {…};                        // of a lane
//     static constexpr u32 block = 128;       // lanes
//     static constexpr u32 min_blocks = 4;    // of a multiprocessor: how many registers a lane may have follows from it
//     static constexpr int phases = 2;
//     template <int kPhase> static MEGASEAL_INLINE void run(const Job&, Place, Shared&, Lane&);
//   };
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

/// Where a phase runs.
struct Place {
  u32 block, num_blocks, lane;
};

/// The lane's number among those of all blocks, and how many there are: for loops over items in steps of the whole launch.
template <class Program>
MEGASEAL_INLINE u32 global_lane(Place p) {
  return p.block * Program::block + p.lane;
}
template <class Program>
MEGASEAL_INLINE u32 num_global_lanes(Place p) {
  return p.num_blocks * Program::block;
}

#if !defined(__CUDACC__)
template <class Program, int kPhase = 0>
void run_phases_on_host(const typename Program::Job& job, u32 block, u32 num_blocks, typename Program::Shared& shared,
                        typename Program::Lane* lanes) {
  if constexpr (kPhase < Program::phases) {
    for (u32 l = 0; l < Program::block; l++)
      Program::template run<kPhase>(job, Place{block, num_blocks, l}, shared, lanes[l]);
    run_phases_on_host<Program, kPhase + 1>(job, block, num_blocks, shared, lanes);
  }
}
template <class Program>
void run_on_host(const typename Program::Job& job, u32 num_blocks) {
  for (u32 b = 0; b < num_blocks; b++) {
    // Both begin filled with a pattern: what the device leaves undefined must not matter.
    typename Program::Shared shared;
    typename Program::Lane lanes[Program::block];
    __builtin_memset(static_cast<void*>(&shared), 0xa5, sizeof shared);
    __builtin_memset(static_cast<void*>(lanes), 0xa5, sizeof lanes);
    run_phases_on_host<Program>(job, b, num_blocks, shared, lanes);
    wipe(&shared, sizeof shared);
    wipe(lanes, sizeof lanes);
  }
}
#endif

MEGASEAL_KERNELS_END
