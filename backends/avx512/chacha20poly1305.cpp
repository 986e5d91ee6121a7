// ChaCha20-Poly1305 of AVX-512.
#include "backends/avx512/avx512.hpp"
#include "backends/avx512/suite.hpp"

namespace megaseal::avx512 {

void chacha20poly1305_seal(const AeadTile* tile) { Few::run<false, true>(*tile); }
void chacha20poly1305_open(const AeadTile* tile) { Few::run<false, false>(*tile); }

}  // namespace megaseal::avx512
