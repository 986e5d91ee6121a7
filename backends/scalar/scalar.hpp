// The slots of the portable backend, each defined in the file named after what it computes.
#pragma once
#include "kernels/table.hpp"

namespace megaseal::scalar {

#define X(slot, Tile) void slot(const Tile* tile);
MEGASEAL_SLOTS(X)
MEGASEAL_PREPARED_SLOTS(X)
#undef X

}  // namespace megaseal::scalar
