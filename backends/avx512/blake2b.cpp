// Nonces of sealed boxes of AVX-512.
#include "backends/avx512/avx512.hpp"
#include "backends/avx512/word64.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/blake2b.hpp"

namespace megaseal::avx512 {

void sealedbox_nonces(const SealedBoxNonceTile* tile) { sealedbox_nonces_tile<W64x8, W64>(*tile); }

}  // namespace megaseal::avx512
