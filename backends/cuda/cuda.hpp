// The CUDA backend: a table like any other's, and what can be asked of the devices behind it.
#pragma once
#include <functional>
#include <string>

#include "backends/cuda/device.hpp"
#include "kernels/table.hpp"

namespace megaseal {

/// What the devices do not do of the slots with void results, the CPU does (set_fallback); those of whole tiles leave it
/// to the engine. May be called before unavailable(), and where no device can be used.
extern const KernelTable cuda_table;

namespace gpu {

/// Why the backend cannot run, or no longer: "no CUDA device". Null while it can. The first call starts the driver, which
/// may take a second.
const char* unavailable();

/// Whether a tile would be begun at once, instead of waiting for others to end. Starts nothing.
bool idle();

/// Who does what the devices do not; slots it lacks are scalar's. The table is copied.
void set_fallback(const KernelTable& cpu);

/// While the slots are being tested: what is done for large tiles alone is done for all.
void make_tables_for_all(bool wanted);

/// DeviceBackend::test.
std::string test_each(const std::function<std::string()>& slots_fail);

/// The most memory that all slots may take, pinned and on devices together. False: too late, the devices are started, as
/// they are when unavailable() or a slot is first called.
bool limit_memory(uint64_t bytes);

/// All devices together. Starts nothing.
DeviceStatus report();
/// Each of them.
uint32_t num_devices();
DeviceStatus report(uint32_t device);
uint64_t max_bytes();

/// For tests: from now on with this runtime (null: this build's own). Nobody may be in a call.
void use_runtime(Runtime* runtime, const DeviceOptions& options);

}  // namespace gpu
}  // namespace megaseal
