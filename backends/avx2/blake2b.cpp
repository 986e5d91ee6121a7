// Nonces of sealed boxes of AVX2.
#include "backends/avx2/avx2.hpp"
#include "backends/avx2/word64.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/blake2b.hpp"

namespace megaseal::avx2 {

void sealedbox_nonces(const SealedBoxNonceTile* tile) { sealedbox_nonces_tile<W64x4, W64>(*tile); }

}  // namespace megaseal::avx2
