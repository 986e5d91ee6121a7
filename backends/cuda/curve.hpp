// X25519 (RFC 7748 §5): shared secrets by the ladder, public keys by the comb of the base point, and shared secrets by the
// combs of recipients' keys, a lane an item.
//
// All leave a fraction num / den for each item. A block inverts all its denominators together: each lane of its first
// warp takes those of every 32nd item, multiplies them, inverts the product, and takes it apart again (Montgomery's
// trick). Thirty-two inversions side by side take a warp as long as one. What lanes leave for each other in Shared is
// wiped at the end; registers are not, and no later launch can read them.
//
// Constant time: secrets reach selections only. Of a comb's table every lane reads a row as a whole, and lanes with the
// same table the same addresses.
#pragma once
#include "backends/cuda/jobs.hpp"
#include "backends/cuda/memory.hpp"
#include "backends/cuda/program.hpp"
#include "backends/cuda/word.hpp"
#include "kernels/edwards25519_comb.hpp"
#include "kernels/field_8x32.hpp"
#include "kernels/x25519.hpp"

MEGASEAL_KERNELS_BEGIN

/// A number for each of N items; limbs of one place side by side, as lanes read them.
template <class F, u32 N>
struct Column {
  u32 limb[8][N];

  MEGASEAL_INLINE void put(u32 i, const typename F::Elem& e) {
    MEGASEAL_UNROLL(8)
    for (int k = 0; k < 8; k++) limb[k][i] = e.l[k];
  }
  MEGASEAL_INLINE typename F::Elem get(u32 i) const {
    typename F::Elem e;
    MEGASEAL_UNROLL(8)
    for (int k = 0; k < 8; k++) e.l[k] = limb[k][i];
    return e;
  }
  MEGASEAL_INLINE void wipe(u32 i) {
    MEGASEAL_UNROLL(8)
    for (int k = 0; k < 8; k++) *static_cast<volatile u32*>(&limb[k][i]) = 0;
  }
};

/// 32 bytes as limbs. Pre: p is a multiple of 16.
MEGASEAL_INLINE void load_limbs(u32 (&limbs)[8], const u8* p) {
  const Vec16 low = load16(p), high = load16(p + 16);
  MEGASEAL_UNROLL(4)
  for (int i = 0; i < 4; i++) limbs[i] = low.w[i], limbs[4 + i] = high.w[i];
}
MEGASEAL_INLINE void load_clamped(u32 (&limbs)[8], const u8* secret) {
  load_limbs(limbs, secret);
  limbs[0] &= ~u32(7);
  limbs[7] = (limbs[7] & 0x7fffffff) | 0x40000000;
}

/// Of a place where no item is.
constexpr u32 no_item = ~u32(0);

/// What the programs do with their fractions. kItems: how many items a lane takes, one after the other; all of them share
/// the block's inversion.
template <class F, class Multiples, u32 kItems, bool kIsShared>
struct CurveProgram {
  using Job = typename Multiples::Job;
  using Elem = typename F::Elem;
  static constexpr u32 block = 128, min_blocks = 4, items = block * kItems, warp = 32;
  static constexpr int phases = 4;

  struct Shared {
    Column<F, items> num, den, products;
  };
  struct Lane {};

  static u32 num_blocks(const Job& job) { return u32((u64(job.num) + items - 1) / items); }

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& job, Place place, Shared& shared, Lane&) {
    if (Multiples::is_beyond(job, place.block * items)) return;
    if constexpr (kPhase == 0) multiply(job, place, shared);
    if constexpr (kPhase == 1) invert(place, shared);
    if constexpr (kPhase == 2) finish(job, place, shared);
    if constexpr (kPhase == 3) wipe_all(place, shared);
  }

 private:
  /// Places without an item hold 0/1.
  static MEGASEAL_INLINE void multiply(const Job& job, Place place, Shared& shared) {
    MEGASEAL_UNROLL(1)
    for (u32 i = place.lane; i < items; i += block) {
      const u32 position = place.block * items + i, item = Multiples::item(job, position);
      if (item == no_item) {
        Multiples::leave(job, position);
        shared.num.put(i, F::small(0));
        shared.den.put(i, F::small(1));
        continue;
      }
      Multiples::run(job, position, item, i, shared.num, shared.den);
      // One that is zero would make all products zero: it becomes 0/1.
      const Elem den = shared.den.get(i);
      const auto zero = F::is_zero(den);
      shared.den.put(i, F::select(zero, den, F::small(1)));
      shared.num.put(i, F::select(zero, shared.num.get(i), F::small(0)));
    }
  }

  static MEGASEAL_INLINE void invert(Place place, Shared& shared) {
    if (place.lane >= warp) return;
    Elem product = shared.den.get(place.lane);
    MEGASEAL_UNROLL(1)
    for (u32 i = place.lane + warp; i < items; i += warp) {
      shared.products.put(i, product);
      product = F::mul(product, shared.den.get(i));
    }
    Elem inverse = FieldOps<F>::invert(product);  // of the product up to item i
    MEGASEAL_UNROLL(1)
    for (u32 i = place.lane + items - warp; i >= warp; i -= warp) {
      const Elem one = F::mul(inverse, shared.products.get(i));
      inverse = F::mul(inverse, shared.den.get(i));
      shared.den.put(i, one);
    }
    shared.den.put(place.lane, inverse);
  }

  static MEGASEAL_INLINE void finish(const Job& job, Place place, Shared& shared) {
    MEGASEAL_UNROLL(1)
    for (u32 i = place.lane; i < items; i += block) {
      const u32 item = Multiples::item(job, place.block * items + i);
      if (item == no_item) continue;
      Elem u = F::freeze(F::mul(shared.num.get(i), shared.den.get(i)));
      if constexpr (kIsShared) {
        // RFC 7748 §6.1: all zeros means that the point had low order. Whoever sent the point may know.
        if (job.status[item] != u8(ItemStatus::ok))
          u = F::small(0);
        else if (is_zero_made_public(u.l[0] | u.l[1] | u.l[2] | u.l[3] | u.l[4] | u.l[5] | u.l[6] | u.l[7]))
          job.status[item] = u8(ItemStatus::low_order);
      }
      u8* const out = job.out + 32 * size_t(item);
      store16(out, {{u.l[0], u.l[1], u.l[2], u.l[3]}});
      store16(out + 16, {{u.l[4], u.l[5], u.l[6], u.l[7]}});
    }
  }

  static MEGASEAL_INLINE void wipe_all(Place place, Shared& shared) {
    MEGASEAL_UNROLL(1)
    for (u32 i = place.lane; i < items; i += block) {
      shared.num.wipe(i);
      shared.den.wipe(i);
      shared.products.wipe(i);
    }
  }
};

/// num / den <- the product of an item's secret and point, by the ladder.
template <class F>
struct LadderMultiples {
  using Job = gpu::X25519Job;
  using Elem = typename F::Elem;
  using Mask = typename F::Mask;

  /// The item at a position of the launch.
  static MEGASEAL_INLINE u32 item(const Job& job, u32 position) {
    if (is_beyond(job, position)) return no_item;
    return job.left ? job.left[position] : position;
  }
  static MEGASEAL_INLINE bool is_beyond(const Job& job, u32 position) {
    return position >= (job.left ? *job.num_left : job.num);
  }
  static MEGASEAL_INLINE void leave(const Job&, u32) {}

  template <u32 N>
  static MEGASEAL_INLINE void run(const Job& job, u32, u32 item, u32 i, Column<F, N>& num, Column<F, N>& den) {
    u32 k[8], u[8];
    load_clamped(k, job.secrets + size_t(job.secret_stride) * item);
    load_limbs(u, job.points + size_t(job.point_stride) * (job.point_of ? job.point_of[item] : item));
    const Elem x1 = F::from_limbs(u);
    // Bit t of the swaps is bit t xor bit t + 1 of the scalar. They wait where the denominator will be.
    MEGASEAL_UNROLL(8)
    for (int w = 0; w < 8; w++) den.limb[w][i] = k[w] ^ (k[w] >> 1 | (w < 7 ? k[w + 1] << 31 : 0));
    const Mask bit3 = W32{k[0]}.bit<3>();

    typename Ladder<F>::State s;
    Ladder<F>::begin(s, x1);
    MEGASEAL_UNROLL(1)
    for (u32 t = 253; t >= 3; t--)
      Ladder<F>::step(s, x1, W32{den.limb[t / 32][i] >> (t % 32)}.template bit<0>());
    typename F::Biased x = F::select(bit3, s.xd, s.xs);
    typename F::Prod z = F::select(bit3, s.zd, s.zs);
    MEGASEAL_UNROLL(1)
    for (int doublings = 0; doublings < 3; doublings++) Ladder<F>::dbl(x, z);
    num.put(i, F::norm(x));
    den.put(i, F::norm(z));
  }
};

/// What both combs have in common: digits of 5 signs (edwards25519_comb.hpp), each for one row of a table.
template <class F>
struct DigitsOf5 {
  using Mask = typename F::Mask;
  using Curve = Edwards25519<F>;
  static constexpr u32 bits = 5, entries = 1 << (bits - 1);
  /// Entries of a row are y + x, y - x, 2 d x y, little endian.
  using Row = u8[entries][3][32];
  static_assert(sizeof(Row) == gpu::PrepareJob::row_bytes);

  /// As recode() of edwards25519_comb.hpp, but for the topmost sign: of k' = k / 8, made odd by adding L where it is even, to
  /// the bits of (k'' - 1) / 2.
  static MEGASEAL_INLINE void recode(u32 (&k)[8]) {
    constexpr u32 order[8] = {0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000};  // L
    MEGASEAL_UNROLL(8)
    for (int w = 0; w < 8; w++) k[w] = k[w] >> 3 | (w < 7 ? k[w + 1] << 29 : 0);
    const Mask even = ~W32{k[0]}.bit<0>();
    u32 added[8];
    MEGASEAL_UNROLL(8)
    for (int w = 0; w < 8; w++) added[w] = order[w] & even.m;
    (void)Carries32::add<8>(k, k, added);
    MEGASEAL_UNROLL(8)
    for (int w = 0; w < 8; w++) k[w] = k[w] >> 1 | (w < 7 ? k[w + 1] << 31 : 0);
  }

  /// The entry of a row for five signs, and its sign. Every entry of the row is read, and masked.
  static MEGASEAL_INLINE typename Curve::Niels entry(const u8* row, u32 signs, Mask& positive) {
    const u32 index = digit_index<int(bits)>(W32{signs}, positive).v;
    u32 e[24];
    MEGASEAL_UNROLL(24)
    for (int q = 0; q < 24; q++) e[q] = 0;
    MEGASEAL_UNROLL(4)
    for (u32 j = 0; j < entries; j++) {
      const u32 mask = W32{index ^ j}.is_zero().m;
      MEGASEAL_UNROLL(6)
      for (int q = 0; q < 6; q++) {
        const Vec16 v = load16(row + sizeof(Row) / entries * j + 16 * q);
        MEGASEAL_UNROLL(4)
        for (int r = 0; r < 4; r++) e[4 * q + r] |= v.w[r] & mask;
      }
    }
    typename Curve::Niels n;
    MEGASEAL_UNROLL(8)
    for (int q = 0; q < 8; q++) n.ypx.l[q] = e[q], n.ymx.l[q] = e[8 + q], n.t2d.l[q] = e[16 + q];
    return n;
  }

  /// u = (1 + y) / (1 - y), RFC 7748 §4.1
  template <u32 N>
  static MEGASEAL_INLINE void put_u(const typename Curve::Point& p, u32 i, Column<F, N>& num, Column<F, N>& den) {
    num.put(i, F::norm(F::add(p.y, p.z)));
    den.put(i, F::norm(F::sub_of_biased(p.z, p.y)));
  }
};

/// num / den <- the u-coordinate of the product of an item's secret and the base point, by the comb.
template <class F>
struct CombMultiples {
  using Job = gpu::X25519Job;
  using Mask = typename F::Mask;
  using Curve = Edwards25519<F>;
  using Digits = DigitsOf5<F>;
  static constexpr u32 windows = 51, num_signs = Digits::bits * windows;

  static MEGASEAL_INLINE u32 item(const Job& job, u32 position) {
    return is_beyond(job, position) ? no_item : position;
  }
  static MEGASEAL_INLINE bool is_beyond(const Job& job, u32 position) { return position >= job.num; }
  static MEGASEAL_INLINE void leave(const Job&, u32) {}

  template <u32 N>
  static MEGASEAL_INLINE void run(const Job& job, u32, u32 item, u32 i, Column<F, N>& num, Column<F, N>& den) {
    u32 k[8];
    load_clamped(k, job.secrets + size_t(job.secret_stride) * item);
    Digits::recode(k);
    k[(num_signs - 1) / 32] |= u32(1) << ((num_signs - 1) % 32);
    // They wait where the denominator will be.
    MEGASEAL_UNROLL(8)
    for (int w = 0; w < 8; w++) den.limb[w][i] = k[w];

    const auto* const table = static_cast<const u8*>(job.table);
    Mask positive;
    auto entry = digit(table, den, i, 0, positive);
    auto p = Curve::start(entry, positive);
    MEGASEAL_UNROLL(1)
    for (u32 w = 1; w < windows; w++) {
      entry = digit(table, den, i, w, positive);
      Curve::add(p, entry, positive, true);
    }
    Digits::put_u(p, i, num, den);
  }

 private:
  template <u32 N>
  static MEGASEAL_INLINE typename Curve::Niels digit(const u8* table, const Column<F, N>& signs, u32 i, u32 w,
                                                     Mask& positive) {
    const u32 bit = Digits::bits * w, word = bit / 32;
    const u64 both = u64(signs.limb[word < 7 ? word + 1 : 7][i]) << 32 | signs.limb[word][i];
    return Digits::entry(table + sizeof(typename Digits::Row) * w, u32(both >> (bit % 32)), positive);
  }
};

using CurveField = Field8x32<W32>;
using X25519Shared = CurveProgram<CurveField, LadderMultiples<CurveField>, 1, true>;
template <u32 kItems>
using X25519Public = CurveProgram<CurveField, CombMultiples<CurveField>, kItems, false>;

/// run(Program{}) with the program for so many public keys: four a lane share an inversion where there are so many that
/// the largest device has enough to do all the same.
constexpr u32 min_for_four_a_lane = 1 << 19;
template <class Run>
int with_public_program(u32 num, Run&& run) {
  return num < min_for_four_a_lane ? run(X25519Public<1>{}) : run(X25519Public<4>{});
}

MEGASEAL_KERNELS_END
