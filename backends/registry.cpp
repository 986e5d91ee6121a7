#include "backends/registry.hpp"

namespace megaseal {

std::span<const BackendRow> backend_rows() {
  static const BackendRow rows[] = {
#define MEGASEAL_BACKEND(name) {#name, MEGASEAL_TABLE_##name, MEGASEAL_REQUIRES_##name, MEGASEAL_DEVICE_##name},
#include "backends/backends.def"
#undef MEGASEAL_BACKEND
  };
  return rows;
}

}  // namespace megaseal
