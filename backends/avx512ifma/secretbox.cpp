// NaCl's secretbox over ChaCha20 of AVX-512 IFMA.
#include "backends/avx512ifma/avx512ifma.hpp"
#include "backends/avx512ifma/suite.hpp"

namespace megaseal::avx512ifma {

void secretbox_seal(const AeadTile* tile) { Few::run<true, true>(*tile); }
void secretbox_open(const AeadTile* tile) { Few::run<true, false>(*tile); }

}  // namespace megaseal::avx512ifma
