// NaCl's secretbox over ChaCha20 of AVX-512.
#include "backends/avx512/avx512.hpp"
#include "backends/avx512/suite.hpp"

namespace megaseal::avx512 {

void secretbox_seal(const AeadTile* tile) { Few::run<true, true>(*tile); }
void secretbox_open(const AeadTile* tile) { Few::run<true, false>(*tile); }

}  // namespace megaseal::avx512
