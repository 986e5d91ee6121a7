// Nonces of sealed boxes of AVX-512 IFMA.
#include "backends/avx512ifma/avx512ifma.hpp"
#include "backends/avx512ifma/word64.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/blake2b.hpp"

namespace megaseal::avx512ifma {

void sealedbox_nonces(const SealedBoxNonceTile* tile) { sealedbox_nonces_tile<W64x8, W64>(*tile); }

}  // namespace megaseal::avx512ifma
