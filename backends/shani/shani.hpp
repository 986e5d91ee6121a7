// The slots that this backend offers, each defined in the file named after what it computes.
#pragma once
#include "kernels/table.hpp"

namespace megaseal::shani {

void hkdf_extract(const HkdfExtractTile* tile);
void hkdf_expand(const HkdfExpandTile* tile);
void hpke_schedule(const HpkeScheduleTile* tile);

}  // namespace megaseal::shani
