// What the stand-in for CUDA's runtime asks of the emulated GPU.
#pragma once
#include "tests/cuda/emulated_gpu/gpu.hpp"

namespace megaseal::test::ptx {

/// By its name in the object file; null: none of that name.
const Kernel* find_kernel(const char* name);
u8* find_table(const char* name);

/// Memory of a device, by an address that the host cannot follow. Null: there is no more.
u8* allocate(size_t size, int device);
bool release(u8* p);
/// Where the host finds so many bytes at an address of the device's; null: no memory of its has all of them.
u8* seen_by_host(const void* p, size_t bytes, int device);
/// What a copy wrote: kernels may read what was written alone.
void wrote(const void* p, size_t bytes);

/// Runs all blocks. `parameter` is read during the call alone.
void launch(const Kernel& kernel, u32 num_blocks, u32 num_lanes, const u8* parameter, int device);

}  // namespace megaseal::test::ptx
