// Nonces of sealed boxes of the portable backend.
#include "backends/scalar/scalar.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/blake2b.hpp"

namespace megaseal::scalar {

void sealedbox_nonces(const SealedBoxNonceTile* tile) { sealedbox_nonces_tile<W64, W64>(*tile); }

}  // namespace megaseal::scalar
