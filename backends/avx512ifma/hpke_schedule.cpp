// HKDF and the HPKE key schedule of AVX-512 IFMA.
#include "backends/avx512/hash.hpp"
#include "backends/avx512ifma/avx512ifma.hpp"

namespace megaseal::avx512ifma {

void hkdf_extract(const HkdfExtractTile* tile) {
  hkdf_extract_tile<HashGroups>(*tile);
  HashGroups::wipe_dead(tile->num);
  wipe_registers();
}

void hkdf_expand(const HkdfExpandTile* tile) {
  hkdf_expand_tile<HashGroups>(*tile);
  HashGroups::wipe_dead(tile->num);
  wipe_registers();
}

void hpke_schedule(const HpkeScheduleTile* tile) {
  hpke_schedule_tile<HashGroups>(*tile);
  HashGroups::wipe_dead(tile->num);
  wipe_registers();
}

}  // namespace megaseal::avx512ifma
