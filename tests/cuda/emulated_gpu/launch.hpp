// What the stand-in for CUDA's runtime asks of the emulated GPU.
#pragma once
#include "tests/cuda/emulated_gpu/gpu.hpp"

namespace megaseal::test::ptx {

/// By its name in the object file; null: none of that name.
const Kernel* find_kernel(const char* name);
u8* find_table(const char* name);

/// Memory of a device: what kernels may reach that run on it.
void add_memory(u8* bytes, size_t size, int device);
void remove_memory(u8* bytes);
/// What a copy wrote: kernels may read what was written alone.
void wrote(const void* p, size_t bytes);

/// Runs all blocks. `parameter` is read during the call alone.
void launch(const Kernel& kernel, u32 num_blocks, u32 num_lanes, const u8* parameter, int device);

}  // namespace megaseal::test::ptx
