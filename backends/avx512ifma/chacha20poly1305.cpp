// ChaCha20-Poly1305 of AVX-512 IFMA.
#include "backends/avx512ifma/avx512ifma.hpp"
#include "backends/avx512ifma/suite.hpp"

namespace megaseal::avx512ifma {

void chacha20poly1305_seal(const AeadTile* tile) { Few::run<false, true>(*tile); }
void chacha20poly1305_open(const AeadTile* tile) { Few::run<false, false>(*tile); }

}  // namespace megaseal::avx512ifma
