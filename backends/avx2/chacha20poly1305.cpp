// ChaCha20-Poly1305 of AVX2.
#include "backends/avx2/avx2.hpp"
#include "backends/avx2/suite.hpp"

namespace megaseal::avx2 {

void chacha20poly1305_seal(const AeadTile* tile) { Few::run<false, true>(*tile); }
void chacha20poly1305_open(const AeadTile* tile) { Few::run<false, false>(*tile); }

}  // namespace megaseal::avx2
