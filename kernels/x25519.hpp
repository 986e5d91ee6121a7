// X25519 (RFC 7748 §5): the Montgomery ladder over any field, and the tile around it.
//
// Constant time: the scalar reaches selections only; every loop bound and address is public.
#pragma once
#include "kernels/field_ops.hpp"
#include "kernels/table.hpp"

MEGASEAL_KERNELS_BEGIN

/// Takes 32-byte strings into lanes, four words each, and back. A group has W::lanes items; a last group that
/// is not full repeats its last item in the lanes left over.
template <class W>
struct Lanes {
  static MEGASEAL_INLINE void load(W (&w)[4], Strided src, u32 first, u32 num) {
    const u8* p = src.base + size_t(first) * src.stride;
    if (W::lanes == 1 || num >= u32(W::lanes)) {
      for (int i = 0; i < 4; i++) w[i] = W::load_lanes(p + 8 * i, src.stride);
      return;
    }
    u8 pad[32 * W::lanes];
    for (u32 l = 0; l < u32(W::lanes); l++)
      copy_bytes(pad + 32 * l, p + (l < num ? l : num - 1) * src.stride, 32);
    for (int i = 0; i < 4; i++) w[i] = W::load_lanes(pad + 8 * i, 32);
    wipe(pad, sizeof pad);
  }
  static MEGASEAL_INLINE void store(u8* out, const W (&w)[4], u32 num) {
    if (W::lanes == 1 || num >= u32(W::lanes)) {
      for (int i = 0; i < 4; i++) w[i].store_lanes(out + 8 * i, 32);
      return;
    }
    u8 pad[32 * W::lanes];
    for (int i = 0; i < 4; i++) w[i].store_lanes(pad + 8 * i, 32);
    copy_bytes(out, pad, 32 * num);
    wipe(pad, sizeof pad);
  }
};

/// RFC 7748 §5, decodeScalar25519: a multiple of 8 with bit 254 set.
template <class W>
MEGASEAL_INLINE void clamp(W (&scalar)[4]) {
  scalar[0] = scalar[0] & W::splat(~u64(7));
  scalar[3] = (scalar[3] & W::splat(~u64(0) >> 1)) | W::splat(u64(1) << 62);
}

/// How many of GROUPS vectors a tile of `num` items touches: what is to be wiped after it. A message alone
/// should not pay for clearing room for sixty-four.
template <int GROUPS>
MEGASEAL_INLINE size_t used_groups(u32 num, u32 lanes) {
  return num >= GROUPS * lanes ? GROUPS : (num + lanes - 1) / lanes;
}

/// The ladder on y^2 = x^3 + 486662 x^2 + x in (X : Z) coordinates, for clamped scalars.
///
/// The state is a pair of points that differ by the input point P. A step doubles one and replaces the other
/// by their sum. Which of the two is doubled depends on two neighbouring bits of the scalar only (their xor);
/// the sum is the same either way, up to a sign that squaring removes. So instead of swapping four
/// coordinates before the step, the step selects the two factors of the doubling: half the selections of RFC
/// 7748's cswap.
template <class F>
struct Ladder {
  using W = typename F::W;
  using Mask = typename F::Mask;
  using Elem = typename F::Elem;
  using Prod = typename F::Prod;
  using Biased = typename F::Biased;
  static constexpr u64 a24 = 121665;  // (486662 - 2) / 4

  /// The point that the last step doubled, and the point that it added.
  struct State {
    Biased xd, xs;
    Prod zd, zs;
  };

  /// (X : Z) <- 2 (X : Z)
  static MEGASEAL_INLINE void dbl(Biased& x, Prod& z) {
    const Elem a = F::norm(F::add(x, z)), b = F::norm(F::sub_biased(x, z));
    const Biased aa = F::sqr_biased(a);
    const Prod bb = F::sqr(b);
    const Elem e = F::norm(F::sub_biased(aa, bb));
    x = F::mul_biased(F::norm(aa), F::norm(bb));
    z = F::mul(e, F::norm(F::template add_mul_small<a24>(aa, e)));
  }

  /// One bit: doubles the point doubled before where `swap` is clear, the sum where it is set; the other
  /// becomes their sum. Names follow RFC 7748 §5. Neighbours in program order are independent, which keeps
  /// the multiplier busy while a product's carries finish. Of each pair subtracted, the minuend is `biased`.
  static MEGASEAL_INLINE void step(State& s, const typename F::Fixed& x1, Mask swap) {
    const Elem c = F::norm(F::add(s.xs, s.zs)), d = F::norm(F::sub_biased(s.xs, s.zs));
    const Elem a = F::norm(F::add(s.xd, s.zd)), b = F::norm(F::sub_biased(s.xd, s.zd));
    const Elem doubled_sum = F::select(swap, a, c), doubled_diff = F::select(swap, b, d);
    const Biased da = F::mul_biased(d, a);
    const Prod cb = F::mul(c, b);
    const Elem diff = F::norm(F::sub_biased(da, cb)), sum = F::norm(F::add(da, cb));
    const Biased aa = F::sqr_biased(doubled_sum);
    const Prod bb = F::sqr(doubled_diff), tt = F::sqr(diff);
    const Elem e = F::norm(F::sub_biased(aa, bb));
    s.xs = F::sqr_biased(sum);
    s.xd = F::mul_biased(F::norm(aa), F::norm(bb));
    const Elem g = F::norm(F::template add_mul_small<a24>(aa, e));
    s.zs = F::mul_fixed(x1, F::norm(tt));
    s.zd = F::mul(e, g);
  }

  /// Swap bit t = bit t xor bit t + 1.
  static MEGASEAL_INLINE void swap_bits(W (&swaps)[4], const W (&scalar)[4]) {
    for (int i = 0; i < 4; i++) {
      swaps[i] = scalar[i] ^ scalar[i].template shr<1>();
      if (i < 3) swaps[i] = swaps[i] ^ scalar[i + 1].shl_bits(63);
    }
  }
  /// Bit 254 is set: start from R0 = P, R1 = 2P, of which R1 was doubled.
  static MEGASEAL_INLINE void begin(State& s, const Elem& u) {
    s.xs = F::biased(F::widen(u));
    s.zs = F::widen(F::small(1));
    s.xd = s.xs;
    s.zd = s.zs;
    dbl(s.xd, s.zd);
  }
  /// After bit 3, R0 is the point last doubled where that bit is clear, else the sum. Bits 2, 1, 0 are clear: three
  /// doublings, without the sums.
  static MEGASEAL_INLINE void finish(Biased& x, Prod& z, const State& s, const W (&scalar)[4]) {
    const Mask bit3 = scalar[0].template bit<3>();
    x = F::select(bit3, s.xd, s.xs);
    z = F::select(bit3, s.zd, s.zs);
    dbl(x, z);
    dbl(x, z);
    dbl(x, z);
  }

  /// (x : z) <- scalar · u. Pre: scalar clamped. z is 0 for the neutral element. (x, z are factors for
  /// F::norm.)
  static MEGASEAL_NOINLINE void run(Biased& x, Prod& z, const Elem& u, const W (&scalar)[4]) {
    W swaps[4];
    swap_bits(swaps, scalar);
    const typename F::Fixed x1 = F::fixed(u);
    State s;
    begin(s, u);
    for (int w = 3; w >= 0; w--) {
      W bits = w == 3 ? swaps[3].shl_bits(2) : swaps[w];  // bit 253 first
      for (int t = w == 3 ? 61 : 63; t >= (w ? 0 : 3); t--) {
        step(s, x1, bits.template bit<63>());
        bits = bits.shl_bits(1);
      }
    }
    finish(x, z, s, scalar);
    wipe(swaps, sizeof swaps);
  }
};

// The stages of a tile are functions of their own, so that what they spill lies below the slot's frame, where
// wipe_stack() reaches it.

/// (x : z) <- secrets[first …] · points[first …], one vector; num >= 1 items are left in the tile from `first` on.
template <class F>
MEGASEAL_NOINLINE void x25519_ladder_group(typename F::Elem& x, typename F::Elem& z, const X25519Tile& tile,
                                           u32 first, u32 num) {
  using W = typename F::W;
  W scalar[4], point[4];
  Lanes<W>::load(scalar, tile.secrets, first, num);
  Lanes<W>::load(point, tile.points, first, num);
  clamp(scalar);
  typename F::Biased px;
  typename F::Prod pz;
  Ladder<F>::run(px, pz, F::from_words(point), scalar);
  x = F::norm(px);
  z = F::norm(F::centred(pz));
  wipe(scalar, sizeof scalar);
}

/// Writes the u-coordinates of one vector, and where they are shared secrets their verdicts.
template <class F, bool is_shared>
MEGASEAL_NOINLINE void x25519_finish_group(const X25519Tile& tile, const typename F::Elem& u, u32 first,
                                           u32 num) {
  using W = typename F::W;
  W result[4];
  F::to_words(result, u);
  Lanes<W>::store(tile.out + 32 * size_t(first), result, num);
  if constexpr (is_shared) {
    // RFC 7748 §6.1: all zeros means that the point had low order. Whoever sent the point may know.
    const u32 low = W::reveal((result[0] | result[1] | result[2] | result[3]).is_zero());
    for (u32 l = 0; l < u32(W::lanes) && l < num; l++)
      if (!is_zero_made_public(low >> l & 1)) tile.status[first + l] = u8(ItemStatus::low_order);
  }
  wipe(result, sizeof result);
}

/// One vector after another.
template <class F>
struct LadderSingly {
  static constexpr u32 at_a_time = 1;
  static MEGASEAL_INLINE void run(typename F::Elem* x, typename F::Elem* z, const X25519Tile& tile, u32 first,
                                  u32 end) {
    for (; first < end; first += u32(F::W::lanes))
      x25519_ladder_group<F>(*x++, *z++, tile, first, end - first);
  }
};

/// The x25519_shared slot over a field, GROUPS vectors at a time.
template <class F, int GROUPS, class Ladders = LadderSingly<F>>
MEGASEAL_INLINE void x25519_shared_tile(const X25519Tile& tile) {
  constexpr u32 lanes = u32(F::W::lanes);
  typename F::Elem x[GROUPS], z[GROUPS], scratch[GROUPS];
  const size_t used = used_groups<GROUPS>(tile.num, lanes);
  for (u32 base = 0; base < tile.num; base += GROUPS * lanes) {
    const u32 end = tile.num - base < GROUPS * lanes ? tile.num : base + GROUPS * lanes;
    const int groups = int((end - base + lanes - 1) / lanes);
    Ladders::run(x, z, tile, base, end);
    FieldOps<F>::divide(x, z, scratch, groups);
    for (int g = 0; g < groups; g++) {
      const u32 first = base + u32(g) * lanes;
      x25519_finish_group<F, true>(tile, x[g], first, end - first);
    }
  }
  wipe(x, used * sizeof x[0]);
  wipe(z, used * sizeof z[0]);
  wipe(scratch, used * sizeof scratch[0]);
}

MEGASEAL_KERNELS_END
