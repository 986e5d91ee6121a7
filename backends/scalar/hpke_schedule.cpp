// The portable backend's HKDF and HPKE key schedule.
#include "backends/scalar/scalar.hpp"

#include "backends/scalar/word32.hpp"
#include "kernels/hpke_schedule.hpp"
#include "kernels/wipe_stack.hpp"

namespace megaseal::scalar {
namespace {
// Deeper than any chain of frames below a slot of this file, as -fstack-usage shows them.
constexpr size_t hkdf_dead_bytes = 1024, schedule_dead_bytes = 3072;
}  // namespace

void hkdf_extract(const HkdfExtractTile* tile) {
  for (u32 i = 0; i < tile->num; i++) {
    const HkdfExtractItem& item = tile->items[i];
    hkdf_extract_one<W32>(item.prk, item.salt, item.salt_len, item.ikm, item.ikm_len);
  }
  wipe_stack<hkdf_dead_bytes>();
}

void hkdf_expand(const HkdfExpandTile* tile) {
  for (u32 i = 0; i < tile->num; i++) {
    const HkdfExpandItem& item = tile->items[i];
    hkdf_expand_one<W32>(item.out, item.out_len, item.prk, item.info, item.info_len);
  }
  wipe_stack<hkdf_dead_bytes>();
}

void hpke_schedule(const HpkeScheduleTile* tile) {
  HpkeExpandMessages messages;
  hpke_expand_messages(messages, *tile->shared, tile->exporters != nullptr);
  u32 i = 0;
  for (; i + 4 <= tile->num; i += 4) hpke_schedule_lanes<W32x4>(*tile, messages, i, 4);
  // Four lanes take twice the time of one: three messages still fill them well enough.
  if (const u32 rest = tile->num - i; rest == 3)
    hpke_schedule_lanes<W32x4>(*tile, messages, i, 3);
  else
    for (; i < tile->num; i++) hpke_schedule_lanes<W32>(*tile, messages, i, 1);
  wipe_stack<schedule_dead_bytes>();
}

}  // namespace megaseal::scalar
