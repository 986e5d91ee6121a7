// Tables of multiples of any point, for x25519_prepared.hpp: from an X25519 public key to a comb of the point on
// edwards25519, with a key in each lane, or for a key by itself with a row of its table in each.
//
// A comb for scalars of signs s_i (edwards25519_comb.hpp) has 5 teeth a row. Tooth q of row b stands at P_bq =
// 2^((5 b + q) spacing) Q, and entry j of that row is P_b4 ± P_b3 ± P_b2 ± P_b1 ± P_b0, bit q of j telling the sign of P_bq.
//
// Keys are public, and so are tables: nothing here is wiped. Still, no branch depends on a key until it is known which
// keys have a table.
#pragma once
#include "kernels/edwards25519_comb.hpp"
#include "kernels/prepared_shapes.hpp"

MEGASEAL_KERNELS_BEGIN

/// Rows as memory has them: limb i of coordinate c (y + x, y - x, 2 d x y) of entries 8 e to 8 e + 7 is the eight numbers
/// at row[e][c][i].
constexpr int prepared_teeth = 5, prepared_entries = 1 << (prepared_teeth - 1);
using PreparedRow = u64[prepared_entries / 8][3][5][8];
static_assert(sizeof(PreparedRow) == prepared_row_bytes);

template <class F>
struct PointTables {
  using W = typename F::W;
  using Mask = typename F::Mask;
  using Elem = typename F::Elem;
  using Curve = Edwards25519<F>;
  using Point = typename Curve::Point;
  using Cached = typename Curve::Cached;
  using Ops = FieldOps<F>;
  static constexpr int teeth = prepared_teeth, entries = prepared_entries;

  /// A row: Y + X, Y - X, T of each entry, and Z; then affine, y + x, y - x, 2 d x y.
  struct Entries {
    Elem c[entries][3], z[entries];
  };

  /// tables[l] ← the comb of the point u in lane l, for l < num, or zeros; bit l tells which.
  static MEGASEAL_INLINE u32 build(u8* const* tables, const W (&u)[4], u32 num, PreparedShape shape) {
    Point p;
    Entries e;
    const u32 good = decompress(p, u);
    for (int b = 0; b < shape.rows; b++) {
      row(e, p, shape.spacing, b == shape.rows - 1);
      make_affine(e);
      store(tables, num, size_t(b), e);
    }
    for (u32 l = 0; l < num; l++)
      if (!(good >> l & 1)) __builtin_memset(tables[l], 0, size_t(shape.rows) * prepared_row_bytes);
    return good;
  }

  static MEGASEAL_INLINE Elem sum(const Elem& a, const Elem& b) {
    return F::norm(F::centred(F::add(F::widen(a), F::widen(b))));
  }
  static MEGASEAL_INLINE Elem difference(const Elem& a, const Elem& b) {
    return F::norm(F::sub(F::widen(a), F::widen(b)));
  }

  /// p ← 8 P for a P with this u, in the lanes where there is one on the curve, and the neutral element elsewhere.
  /// Gives the lanes where 8 P is not neutral.
  static MEGASEAL_NOINLINE u32 decompress(Point& p, const W (&words)[4]) {
    const Mask on_curve = lift(p, F::from_words(words));
    for (int i = 0; i < 3; i++) dbl<true>(p);
    return W::reveal(on_curve & ~F::is_zero(F::norm(F::centred(p.x))));
  }

  /// p ← a P with this u, where there is one on the curve, and the neutral element elsewhere; gives where. T is not made.
  ///
  /// x = c u / v and y = (u - 1) / (u + 1) with c^2 = -486664, v^2 = u^3 + 486662 u^2 + u (RFC 7748 §4.1); which root v is
  /// does not matter, because -P has the same multiples' u. r = w^3 (w^7)^((p-5)/8) has w r^2 = 1 or -1 if w is a square
  /// other than 0 (RFC 8032 §5.1.3). The u = 0 and u = -1 for which there is no such x or y are of low order; they give
  /// w = 0, and a w that is no square.
  static MEGASEAL_INLINE Mask lift(Point& p, const Elem& from) {
    constexpr u64 c_words[4] = {0xcc6e04aaff457e06, 0xc5a1d3d14b7d1a82, 0xd27b08dc03fc4f7e,
                                0x0f26edf460a006bb};
    constexpr u64 i_words[4] = {0xc4ee1b274a0ea0b0, 0x2f431806ad2fe478, 0x2b4d00993dfbd7a7,
                                0x2b8324804fc1df0b};
    const Elem zero = F::small(0), one = F::small(1);
    const Elem u = sum(from, zero);
    const Elem w = Ops::mul(u, sum(Ops::mul(u, sum(u, F::small(486662))), one));
    const Elem w2 = Ops::sqr(w), w3 = Ops::mul(w2, w), w7 = Ops::mul(Ops::sqr(w2), w3);
    Elem r = Ops::mul(w3, Ops::power_p58(w7));
    const Elem check = Ops::mul(Ops::sqr(r), w);
    const Mask is_root = F::is_zero(difference(check, one)), is_other = F::is_zero(sum(check, one));
    r = F::select(is_other, r, Ops::mul(r, F::constant(i_words)));
    const Mask on_curve = is_root | is_other;
    const Elem x = F::select(on_curve, zero, Ops::mul(Ops::mul(r, u), F::constant(c_words)));
    const Elem top = F::select(on_curve, one, difference(u, one)),
               bottom = F::select(on_curve, one, sum(u, one));
    p.x = F::mul(x, bottom);
    p.y = F::mul_biased(top, one);
    p.z = F::mul(bottom, one);
    return on_curve;
  }

  template <bool with_t>
  static MEGASEAL_NOINLINE void dbl(Point& p) {
    Curve::template dbl<with_t>(p);
  }
  static MEGASEAL_NOINLINE void add(Point& p, const Cached& n, bool minus) { Curve::add(p, n, minus); }
  static MEGASEAL_INLINE void save(Entries& e, int j, const Point& p) {
    e.c[j][0] = F::norm(F::add(p.y, p.x));
    e.c[j][1] = F::norm(F::sub_biased(p.y, p.x));
    e.c[j][2] = F::norm(p.t);
    e.z[j] = F::norm(F::centred(p.z));
  }

  /// The entries of a row, and p ← 2^(5 spacing) p.
  static MEGASEAL_NOINLINE void row(Entries& e, Point& p, int spacing, bool is_last) {
    Cached twice[teeth - 1];  // 2 P_q
    Point all;
    for (int q = 0; q < teeth; q++) {
      const bool top = q == teeth - 1;
      if (q == 0)
        all = p;
      else
        add(all, Curve::cached(p), false);
      for (int i = 0; i < spacing && !(top && is_last); i++) {
        if (i == 0 || i == spacing - 1)
          dbl<true>(p);
        else
          dbl<false>(p);
        if (i == 0 && !top) twice[q] = Curve::cached(p);
      }
    }
    sums(e, all, twice);
  }

  /// The entries from `all`, the sum of all teeth, on: in the order of a Gray code, each from the one before by a single
  /// ± 2 P_q.
  static MEGASEAL_INLINE void sums(Entries& e, Point& all, const Cached (&twice)[teeth - 1]) {
    int at = entries - 1;
    save(e, at, all);
    for (int n = 1; n < entries; n++) {
      const int q = __builtin_ctz(unsigned(n));
      at ^= 1 << q;
      add(all, twice[q], !(at >> q & 1));
      save(e, at, all);
    }
  }

  /// Z is never 0: the addition formulas are complete.
  static MEGASEAL_NOINLINE void make_affine(Entries& e) {
    Elem scratch[entries];
    Ops::invert_all(e.z, scratch, entries);
    const Elem twice_d = Curve::twice_d();
    for (int j = 0; j < entries; j++) {
      for (int c = 0; c < 3; c++) e.c[j][c] = Ops::mul(e.z[j], e.c[j][c]);
      e.c[j][2] = Ops::mul(e.c[j][2], twice_d);
    }
  }

  static MEGASEAL_NOINLINE void store(u8* const* tables, u32 num, size_t b, const Entries& e) {
    constexpr int lanes = W::lanes;
    for (int first = 0; first < entries; first += lanes) {
      for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 5; i++) {
          W x[lanes];
#pragma GCC unroll 8
          for (int j = 0; j < lanes; j++) x[j] = F::limb_bits(e.c[first + j][c], i);
          W::transpose(x);
          for (u32 l = 0; l < num; l++) {
            auto* const rows = reinterpret_cast<PreparedRow*>(tables[l]);
            x[l].store(&rows[b][first / 8][c][i][first % 8]);
          }
        }
      }
    }
  }
};

/// The table of one key. Its teeth are found by doublings one after the other, in Chain, a field of a single lane; then
/// each lane makes a row.
template <class F, class Chain>
struct RowTables {
  using W = typename F::W;
  using Tables = PointTables<F>;
  using Start = PointTables<Chain>;
  using Point = typename Tables::Point;
  using Curve = typename Tables::Curve;
  static constexpr int teeth = prepared_teeth, lanes = W::lanes, max_rows = 13;
  static_assert(prepared_shapes[0].rows <= max_rows && prepared_shapes[1].rows <= max_rows &&
                prepared_shapes[2].rows <= max_rows);

  /// Tooth q of row b as X, Y, Z, T.
  using Teeth = u8[teeth][4][max_rows][32];

  /// table ← the comb of the point u, or zeros; whether there is one.
  static MEGASEAL_NOINLINE bool build(u8* table, const u8* u, PreparedShape shape) {
    Teeth at;
    typename Chain::W words[4];
    for (int i = 0; i < 4; i++) words[i] = Chain::W::load_lanes(u + 8 * i, 32);
    typename Start::Point p;
    if (!Start::decompress(p, words)) {
      __builtin_memset(table, 0, size_t(shape.rows) * prepared_row_bytes);
      return false;
    }
    for (int b = 0; b < shape.rows; b++) {
      for (int q = 0; q < teeth; q++) {
        put(at[q][0][b], Chain::norm(Chain::centred(p.x)));
        put(at[q][1][b], Chain::norm(p.y));
        put(at[q][2][b], Chain::norm(Chain::centred(p.z)));
        put(at[q][3][b], Chain::norm(Chain::centred(p.t)));
        if (b == shape.rows - 1 && q == teeth - 1) break;
        for (int i = 1; i < shape.spacing; i++) Start::template dbl<false>(p);
        Start::template dbl<true>(p);
      }
    }
    for (u32 first = 0; first < u32(shape.rows); first += lanes) {
      const u32 left = u32(shape.rows) - first;
      rows(table, at, first, left < u32(lanes) ? left : u32(lanes));
    }
    return true;
  }

 private:
  static MEGASEAL_INLINE void put(u8* out, const typename Chain::Elem& e) {
    typename Chain::W w[4];
    Chain::to_words(w, e);
    __builtin_memcpy(out, w, 32);
  }
  static MEGASEAL_INLINE typename F::Elem get(const u8 (&of_rows)[max_rows][32], u32 first, u32 num) {
    W words[4];
    Lanes<W>::load(words, {&of_rows[0][0], 32}, first, num);
    return F::norm(F::centred(F::widen(F::from_words(words))));
  }
  static MEGASEAL_NOINLINE void rows(u8* table, const Teeth& at, u32 first, u32 num) {
    const auto one = F::small(1);
    Point p, all;
    typename Curve::Cached twice[teeth - 1];  // 2 P_q
    typename Tables::Entries e;
    for (int q = 0; q < teeth; q++) {
      p.x = F::mul(get(at[q][0], first, num), one);
      p.y = F::mul_biased(get(at[q][1], first, num), one);
      p.z = F::mul(get(at[q][2], first, num), one);
      p.t = F::mul(get(at[q][3], first, num), one);
      if (q == 0)
        all = p;
      else
        Tables::add(all, Curve::cached(p), false);
      if (q == teeth - 1) break;
      Tables::template dbl<true>(p);
      twice[q] = Curve::cached(p);
    }
    Tables::sums(e, all, twice);
    Tables::make_affine(e);
    u8* of_lane[lanes];
    for (u32 l = 0; l < u32(lanes); l++)
      of_lane[l] = table + size_t(first + (l < num ? l : 0)) * prepared_row_bytes;
    Tables::store(of_lane, num, 0, e);
  }
};

/// The x25519_prepare slot.
template <class F>
MEGASEAL_INLINE void x25519_prepare_tile(const X25519PrepareTile& tile) {
  using W = typename F::W;
  constexpr u32 lanes = u32(W::lanes);
  for (u32 first = 0; first < tile.num; first += lanes) {
    const u32 num = tile.num - first < lanes ? tile.num - first : lanes;
    W point[4];
    Lanes<W>::load(point, tile.points, first, num);
    const u32 good = PointTables<F>::build(tile.tables + first, point, num, prepared_shapes[tile.size]);
    for (u32 l = 0; l < num; l++) tile.has_table[first + l] = good >> l & 1;
  }
}

/// The same, by rows where a vector would be filled by no more keys than `few` says of the size.
template <class F, class Chain>
MEGASEAL_INLINE void x25519_prepare_tile_by_rows(const X25519PrepareTile& tile,
                                                 const u32 (&few)[x25519_prepared_sizes]) {
  const u32 rest = tile.num % u32(F::W::lanes), alone = rest <= few[tile.size] ? rest : 0;
  X25519PrepareTile in_lanes = tile;
  in_lanes.num = tile.num - alone;
  x25519_prepare_tile<F>(in_lanes);
  for (u32 i = in_lanes.num; i < tile.num; i++)
    tile.has_table[i] = RowTables<F, Chain>::build(tile.tables[i], tile.points.base + i * tile.points.stride,
                                                   prepared_shapes[tile.size]);
}

MEGASEAL_KERNELS_END
