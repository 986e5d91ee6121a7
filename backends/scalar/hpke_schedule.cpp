// The portable backend's HKDF and HPKE key schedule.
#include "backends/scalar/scalar.hpp"

#include "backends/scalar/word32.hpp"
#include "kernels/hpke_schedule.hpp"
#include "kernels/wipe_registers.hpp"
#include "kernels/wipe_stack.hpp"

namespace megaseal::scalar {
namespace {

// Four lanes take 1.6 times as long as one: two messages fill them well enough.
struct HashGroups {
  using First = Sha256Lanes<W32, W32>;
  using Four = Sha256Lanes<W32x4, W32>;
  template <class Run>
  static MEGASEAL_INLINE void each(u32 num, const Run& run) {
    u32 i = 0;
    for (; num - i >= 2; i += num - i < 4 ? num - i : 4)
      run.template operator()<Four>(i, num - i < 4 ? num - i : 4);
    if (i < num) run.template operator()<First>(i, 1);
  }
  /// After a tile of `num`: deeper than the frames below a slot, as -fstack-usage shows them.
  static MEGASEAL_INLINE void wipe_dead(u32 num) {
    if (num > 1)
      wipe_stack<5120>();
    else
      wipe_stack<2048>();
    wipe_registers();
  }
};

}  // namespace

void hkdf_extract(const HkdfExtractTile* tile) {
  hkdf_extract_tile<HashGroups>(*tile);
  HashGroups::wipe_dead(tile->num);
}

void hkdf_expand(const HkdfExpandTile* tile) {
  hkdf_expand_tile<HashGroups>(*tile);
  HashGroups::wipe_dead(tile->num);
}

void hpke_schedule(const HpkeScheduleTile* tile) {
  hpke_schedule_tile<HashGroups>(*tile);
  HashGroups::wipe_dead(tile->num);
}

}  // namespace megaseal::scalar
