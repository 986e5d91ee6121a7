// NaCl's secretbox over ChaCha20 of AVX2.
#include "backends/avx2/avx2.hpp"
#include "backends/avx2/suite.hpp"

namespace megaseal::avx2 {

void secretbox_seal(const AeadTile* tile) { Few::run<true, true>(*tile); }
void secretbox_open(const AeadTile* tile) { Few::run<true, false>(*tile); }

}  // namespace megaseal::avx2
