// The backends of this build in priority order, whether this machine can run each, and why not.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "backends/device_backend.hpp"
#include "kernels/table.hpp"

namespace megaseal {

#define MEGASEAL_BACKEND(name) extern const KernelTable name##_table;
#include "backends/backends.def"
#undef MEGASEAL_BACKEND
extern const DeviceBackend cuda_device;

/// A row of backends.def as this build has it.
struct BackendRow {
  const char* name;
  const KernelTable* table;  // null: left out of this build
  const char* requires_;     // CPU features, separated by blanks
  const DeviceBackend* device = nullptr;  // not of the CPU but beside it
};

/// Every row, best first; the last is scalar.
std::span<const BackendRow> backend_rows();

}  // namespace megaseal
