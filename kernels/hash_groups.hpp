// How the slots of HKDF and the key schedule share a tile out over the lanes of a vector backend.
#pragma once
#include "kernels/hpke_schedule.hpp"
#include "kernels/wipe_stack.hpp"

MEGASEAL_KERNELS_BEGIN

/// W is a one-lane word, W4 one of four lanes, Wide the backend's own. Tuning says, by measurement, up to how many messages
/// four lanes are faster than its own (two fill them well enough), and how deep the frames below a slot go.
template <class W, class W4, class Wide, class Tuning>
struct LaneGroups {
  using First = Sha256Lanes<W, W>;
  using Few = Sha256Lanes<W4, W>;
  using Many = Sha256Lanes<Wide, W>;
  static constexpr u32 max_few = Tuning::max_few, lanes = u32(Wide::lanes);

  template <class Run>
  static MEGASEAL_INLINE void each(u32 num, const Run& run) {
    u32 i = 0;
    for (; num - i > max_few; i += num - i < lanes ? num - i : lanes)
      run.template operator()<Many>(i, num - i < lanes ? num - i : lanes);
    if (num - i > 1)
      run.template operator()<Few>(i, num - i);
    else if (num != i)
      run.template operator()<First>(i, 1);
  }
  /// After a tile of `num`.
  static MEGASEAL_INLINE void wipe_dead(u32 num) {
    if (num > max_few)
      wipe_stack<Tuning::many_dead_bytes>();
    else if (num > 1)
      wipe_stack<Tuning::few_dead_bytes>();
    else
      wipe_stack<Tuning::one_dead_bytes>();
  }
};

MEGASEAL_KERNELS_END
