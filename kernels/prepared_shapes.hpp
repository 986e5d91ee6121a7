// The shapes of a prepared recipient's table: what the kernel that reads one and the backend that announces its bytes
// have to agree on.
#pragma once
#include "kernels/table.hpp"

namespace megaseal {

/// A row is 16 entries of three coordinates in five limbs; a table has `rows` of them, and `spacing` - 1 doublings go
/// between `spacing` additions from each (x25519_prepared.hpp).
struct PreparedShape {
  int rows, spacing;
};
constexpr PreparedShape prepared_shapes[x25519_prepared_sizes] = {{2, 26}, {4, 13}, {13, 4}};
constexpr uint32_t prepared_row_bytes = 16 * 3 * 5 * 8;

#define MEGASEAL_PREPARED_BYTES                                 \
  {                                                             \
    uint32_t(prepared_shapes[0].rows) * prepared_row_bytes,     \
        uint32_t(prepared_shapes[1].rows) * prepared_row_bytes, \
        uint32_t(prepared_shapes[2].rows) * prepared_row_bytes  \
  }

}  // namespace megaseal
