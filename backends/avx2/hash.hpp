// How the hashes of AVX2 share messages out over lanes.
#pragma once
#include "backends/avx2/word32.hpp"
#include "backends/scalar/word32.hpp"
#include "kernels/hpke_schedule.hpp"
#include "kernels/wipe_stack.hpp"

MEGASEAL_KERNELS_BEGIN

struct HashGroups {
  using First = Sha256Lanes<W32, W32>;
  using Few = Sha256Lanes<W32x4, W32>;
  using Many = Sha256Lanes<W32x8, W32>;
  // Up to here four lanes are faster than 8, and two messages fill them well enough (measured; README.md).
  static constexpr u32 max_few = 4;

  template <class Run>
  static MEGASEAL_INLINE void each(u32 num, const Run& run) {
    u32 i = 0;
    for (; num - i > max_few; i += num - i < 8 ? num - i : 8)
      run.template operator()<Many>(i, num - i < 8 ? num - i : 8);
    if (num - i > 1)
      run.template operator()<Few>(i, num - i);
    else if (num != i)
      run.template operator()<First>(i, 1);
  }
  /// After a tile of `num`: deeper than the frames below a slot, as -fstack-usage shows them.
  static MEGASEAL_INLINE void wipe_dead(u32 num) {
    if (num > max_few)
      wipe_stack<8704>();
    else if (num > 1)
      wipe_stack<5632>();
    else
      wipe_stack<2560>();
  }
};

MEGASEAL_KERNELS_END
