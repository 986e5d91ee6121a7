// X25519 of AVX-512 IFMA: eight lanes, radix 2^51 by 52-bit multiply-add.
#include "backends/avx2/avx2.hpp"
#include "backends/avx512ifma/avx512ifma.hpp"
#include "backends/avx512ifma/word64.hpp"
#include "edwards25519_base_w6.hpp"
#include "kernels/field_5x51_madd.hpp"
#include "kernels/lane_inversion.hpp"
#include "kernels/x25519_lanes.hpp"
#include "kernels/x25519_pair.hpp"

namespace megaseal::avx512ifma {
namespace {

using Field = WithLaneInversion<Field5x51Madd<W64x8>>;

/// Every processor with AVX-512 has what AVX2's slots need.
struct Few {
  static MEGASEAL_INLINE void x25519_shared(const X25519Tile* tile) { avx2::x25519_shared(tile); }
  static MEGASEAL_INLINE void x25519_public(const X25519Tile* tile) { avx2::x25519_public(tile); }
};

/// Measured; README.md has the figures.
struct Tuning {
  static constexpr int groups = 8;  // vectors
  static constexpr u32 min_shared = 5, min_beside = 2, min_public = 1;
  // Deeper than the frames below a slot, as -fstack-usage shows them.
  static constexpr size_t shared_dead_bytes = 14848, public_dead_bytes = 5888;
};
using Slots = X25519Lanes<Field, Few, Tuning, LaddersPaired<Field>>;

// 165 KB. Five-bit digits (100 KB) take 14 % more time, four-bit digits (61 KB) 40 %.
using BaseComb = Comb<Field, 6, 43>;
constexpr BaseComb::Table base_table = BaseComb::pack(edwards25519_base_w6);

}  // namespace

void x25519_shared(const X25519Tile* tile) { Slots::shared(*tile); }
void x25519_public(const X25519Tile* tile) { Slots::publics<BaseComb>(*tile, base_table); }

}  // namespace megaseal::avx512ifma
