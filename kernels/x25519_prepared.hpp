// X25519 with a prepared public key: a comb over the table that edwards25519_tables.hpp built of it.
//
// A scalar of 5 · rows · spacing signs s_i (edwards25519_comb.hpp) is taken a column at a time, from r = spacing - 1 down:
// double; then for each row b add the entry given by the signs of 2^((5 b + q) spacing + r), q = 0 … 4. That is `rows`
// additions for each of spacing - 1 doublings, where digits of neighbouring signs would take five times the doublings.
//
// Constant time: signs reach look-ups that read or permute whole rows, and selections. Which table an item uses is public.
#pragma once
#include "kernels/edwards25519_tables.hpp"
#include "kernels/table_use.hpp"

MEGASEAL_KERNELS_BEGIN

template <class F>
struct PreparedComb {
  using W = typename F::W;
  using Mask = typename F::Mask;
  using Elem = typename F::Elem;
  using Curve = Edwards25519<F>;
  using Point = typename Curve::Point;
  using Niels = typename Curve::Niels;
  static constexpr int teeth = prepared_teeth, entries = prepared_entries;

  static constexpr int row_numbers = sizeof(PreparedRow) / 8, eight_numbers = row_numbers / (entries / 8);

  static MEGASEAL_INLINE int num_signs(PreparedShape shape) { return teeth * shape.rows * shape.spacing; }

  /// What row b adds in column r, and its sign.
  template <int LANES>
  static MEGASEAL_INLINE Niels entry(const TableUse<LANES>& use, const Signs<W>& s, PreparedShape shape,
                                     int b, int r, Mask& positive) {
    W v = W::zero();  // highest sign first
#pragma GCC unroll 5
    for (int q = teeth - 1; q >= 0; q--) {
      const int at = (teeth * b + q) * shape.spacing + r;
      v = (v + v) | (s.w[at / 64].shr_bits(at % 64) & W::splat(1));
    }
    const W index = digit_index<teeth>(v, positive);
    const size_t at = size_t(b) * row_numbers;
    W limb[15];  // coordinate by coordinate
    bool is_apart = false;
    if constexpr (LANES > 1) {
      is_apart = use.num > 1;
      if (is_apart) W::lookup_apart(limb, use, at, index);
    }
    if (!is_apart) {
      const auto selector = W::template selector<entries>(index);
#pragma GCC unroll 15
      for (int i = 0; i < 15; i++)
        limb[i] = W::template lookup<entries, eight_numbers>(use.table[0] + at + 8 * i, selector);
    }
    return {F::from_limb_bits({limb[0], limb[1], limb[2], limb[3], limb[4]}),
            F::from_limb_bits({limb[5], limb[6], limb[7], limb[8], limb[9]}),
            F::from_limb_bits({limb[10], limb[11], limb[12], limb[13], limb[14]})};
  }

  /// p[i] ← k_i P_i for n vectors, which go side by side so that a row that they share is in the nearest cache for all.
  /// T is not made.
  static MEGASEAL_NOINLINE void multiply(Point* p, const Signs<W>* s, const TableUse<W::lanes>* use,
                                         PreparedShape shape, int n) {
    for (int r = shape.spacing - 1; r >= 0; r--) {
      const bool is_first = r == shape.spacing - 1;
      if (!is_first)
        for (int i = 0; i < n; i++) Curve::template dbl<true>(p[i]);
      for (int b = 0; b < shape.rows; b++) {
        Mask positive;
        if (is_first && b == 0) {
          for (int i = 0; i < n; i++) {
            const Niels e = entry(use[i], s[i], shape, b, r, positive);
            p[i] = Curve::start(e, positive);
          }
        } else {
          const bool with_t = b != shape.rows - 1;
          for (int i = 0; i < n; i++) {
            const Niels e = entry(use[i], s[i], shape, b, r, positive);
            Curve::add(p[i], e, positive, with_t);
          }
        }
      }
    }
  }
};

/// The signs of one vector's secrets, and its tables; `num` items are left. A vector that is not full repeats its last.
template <class F>
MEGASEAL_NOINLINE void prepared_group(Signs<typename F::W>& signs, TableUse<F::W::lanes>& use,
                                      const X25519PreparedItem* items, u32 num, PreparedShape shape) {
  using W = typename F::W;
  const u8* secrets[W::lanes];
  use.num = 0;
  for (u32 l = 0; l < u32(W::lanes); l++) {
    const X25519PreparedItem& item = items[l < num ? l : num - 1];
    secrets[l] = item.secret;
    const auto* table = reinterpret_cast<const u64*>(item.table);
    use.of_lane[l] = table;
    if (use.num == 0 || use.table[use.num - 1] != table) {
      use.table[use.num] = table;
      use.lanes[use.num++] = 0;
    }
    use.lanes[use.num - 1] |= u32(1) << l;
  }
  W scalar[4];
  W::load_keys(scalar, secrets);
  clamp(scalar);
  recode(signs, scalar, PreparedComb<F>::num_signs(shape));
  wipe(scalar, sizeof scalar);
}

template <class F>
MEGASEAL_NOINLINE void prepared_finish(const X25519PreparedItem* items, const typename F::Elem& u, u32 num) {
  using W = typename F::W;
  u8 spare[32];
  u8 *low[W::lanes], *high[W::lanes];
  for (u32 l = 0; l < u32(W::lanes); l++) {
    low[l] = l < num ? items[l].out : spare;
    high[l] = low[l] + 16;
  }
  W result[4];
  F::to_words(result, u);
  W::store_pairs(low, result[0], result[1]);
  W::store_pairs(high, result[2], result[3]);
  wipe(spare, sizeof spare);
  wipe(result, sizeof result);
}

/// The x25519_prepared slot, GROUPS vectors at a time.
template <class F, int GROUPS>
MEGASEAL_INLINE void x25519_prepared_tile(const X25519PreparedTile& tile) {
  constexpr u32 lanes = u32(F::W::lanes);
  const PreparedShape shape = prepared_shapes[tile.size];
  Signs<typename F::W> signs[GROUPS];
  TableUse<F::W::lanes> use[GROUPS];
  typename Edwards25519<F>::Point points[GROUPS];
  typename F::Elem num[GROUPS], den[GROUPS], scratch[GROUPS];
  const size_t used = used_groups<GROUPS>(tile.num, lanes);
  for (u32 base = 0; base < tile.num; base += GROUPS * lanes) {
    const u32 end = tile.num - base < GROUPS * lanes ? tile.num : base + GROUPS * lanes;
    const int groups = int((end - base + lanes - 1) / lanes);
    for (int g = 0; g < groups; g++) {
      const u32 first = base + u32(g) * lanes;
      prepared_group<F>(signs[g], use[g], tile.items + first, end - first, shape);
    }
    for (int g = 0, n; g < groups; g += n) {
      // Vectors go together while their tables fit the nearest cache, which eight small ones do: on IFMA two vectors of
      // eight each take a third longer side by side.
      int tables = use[g].num;
      for (n = 1; g + n < groups && tables + use[g + n].num <= 8; n++) tables += use[g + n].num;
      PreparedComb<F>::multiply(points + g, signs + g, use + g, shape, n);
    }
    comb_to_montgomery<F>(num, den, points, groups);
    FieldOps<F>::divide(num, den, scratch, groups);
    for (int g = 0; g < groups; g++) {
      const u32 first = base + u32(g) * lanes;
      prepared_finish<F>(tile.items + first, num[g], end - first);
    }
  }
  wipe(signs, used * sizeof signs[0]);
  wipe(points, used * sizeof points[0]);
  wipe(num, used * sizeof num[0]);
  wipe(den, used * sizeof den[0]);
  wipe(scratch, used * sizeof scratch[0]);
}

MEGASEAL_KERNELS_END
