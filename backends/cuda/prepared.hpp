// Prepared recipients: tables of multiples of public keys, and shared secrets by them (kernels/x25519_prepared.hpp has the
// mathematics, and the names). A table lives no longer than the tile it is built for.
//
// Keys are public, and so are tables and everything that TeethProgram and RowsProgram hold.
#pragma once
#include "backends/cuda/curve.hpp"
#include "kernels/edwards25519_tables.hpp"

MEGASEAL_KERNELS_BEGIN

/// What a row of a table is built from and by, in the scratch memory that each row has of its own.
template <class F>
struct RowScratch {
  using Curve = Edwards25519<F>;
  using Elem = typename F::Elem;
  static constexpr u32 teeth = u32(prepared_teeth), entries = u32(prepared_entries);
  static_assert(gpu::PrepareJob::scratch_bytes == (4 * teeth + entries) * 32);
  u8* at;

  RowScratch() = delete;
  MEGASEAL_INLINE explicit RowScratch(u8* p) : at(p) {}

  /// Four numbers of 32 bytes: a tooth as X, Y, Z, T, or what it was made into.
  MEGASEAL_INLINE u8* tooth(u32 q) const { return at + 4 * 32 * q; }
  MEGASEAL_INLINE u8* z(u32 j) const { return at + 32 * (4 * teeth + j); }
  /// Where teeth were.
  MEGASEAL_INLINE u8* product(u32 j) const { return at + 32 * j; }

  static MEGASEAL_INLINE void put(u8* p, const Elem& e) {
    store16(p, {{e.l[0], e.l[1], e.l[2], e.l[3]}});
    store16(p + 16, {{e.l[4], e.l[5], e.l[6], e.l[7]}});
  }
  static MEGASEAL_INLINE Elem get(const u8* p) {
    Elem e;
    load_limbs(e.l, p);
    return e;
  }
};

/// Of each key the points from which the rows of its table are built: 8 P, doubled again and again. A lane a key.
template <class F>
struct TeethProgram {
  using Job = gpu::PrepareJob;
  using Tables = PointTables<F>;
  using Curve = Edwards25519<F>;
  using Scratch = RowScratch<F>;
  static constexpr u32 block = 128, min_blocks = 4;
  static constexpr int phases = 1;
  struct Shared {};
  struct Lane {};

  static u32 num_blocks(const Job& job) { return (job.num + block - 1) / block; }

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& job, Place place, Shared&, Lane&) {
    const u32 t = global_lane<TeethProgram>(place);
    if (t >= job.num) return;
    u32 u[8];
    load_limbs(u, job.points + size_t(job.point_stride) * (job.item_of ? job.item_of[t] : t));
    if (job.keys) {
      store16(job.keys + 32 * size_t(t), {{u[0], u[1], u[2], u[3]}});
      store16(job.keys + 32 * size_t(t) + 16, {{u[4], u[5], u[6], u[7]}});
    }
    typename Curve::Point p;
    const auto on_curve = Tables::lift(p, F::from_limbs(u));
    MEGASEAL_UNROLL(1)
    for (u32 i = 0; i < 3; i++) Curve::template dbl<true>(p);
    job.has_table[t] = u8((on_curve & ~F::is_zero(p.x)).m & 1);
    // One after the other: tooth 0 of row 0, tooth 1, …, tooth 0 of row 1, …
    const u32 num_teeth = Scratch::teeth * job.rows;
    MEGASEAL_UNROLL(1)
    for (u32 n = 0;; n++) {
      const u32 b = n / Scratch::teeth, q = n % Scratch::teeth;
      const Scratch scratch(job.scratch + size_t(Job::scratch_bytes) * (size_t(t) * job.rows + b));
      u8* const tooth = scratch.tooth(q);
      Scratch::put(tooth, p.x);
      Scratch::put(tooth + 32, p.y);
      Scratch::put(tooth + 64, p.z);
      Scratch::put(tooth + 96, p.t);
      if (n + 1 == num_teeth) return;
      MEGASEAL_UNROLL(1)
      for (u32 i = 1; i < job.spacing; i++) Curve::template dbl<false>(p);
      Curve::template dbl<true>(p);
    }
  }
};

/// From the teeth of each row its sixteen entries. A lane a row.
template <class F>
struct RowsProgram {
  using Job = gpu::PrepareJob;
  using Elem = typename F::Elem;
  using Curve = Edwards25519<F>;
  using Point = typename Curve::Point;
  using Cached = typename Curve::Cached;
  using Scratch = RowScratch<F>;
  static constexpr u32 block = 128, min_blocks = 3;
  static constexpr u32 teeth = Scratch::teeth, entries = Scratch::entries;
  static constexpr int phases = 1;
  struct Shared {};
  struct Lane {};

  static u32 num_blocks(const Job& job) { return u32((u64(job.num) * job.rows + block - 1) / block); }

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& job, Place place, Shared&, Lane&) {
    const u64 row = u64(place.block) * block + place.lane;
    if (row >= u64(job.num) * job.rows) return;
    const Scratch scratch(job.scratch + size_t(row) * Job::scratch_bytes);
    u8* const out = job.tables + size_t(row) * Job::row_bytes;
    fill(out, scratch);
    make_affine(out, scratch);
  }

 private:
  static MEGASEAL_INLINE u8* coordinate(u8* row, u32 j, u32 c) { return row + 32 * (3 * j + c); }
  static MEGASEAL_INLINE void save(u8* row, const Scratch& scratch, u32 j, const Point& p) {
    Scratch::put(coordinate(row, j, 0), F::add(p.y, p.x));
    Scratch::put(coordinate(row, j, 1), F::sub(p.y, p.x));
    Scratch::put(coordinate(row, j, 2), p.t);
    Scratch::put(scratch.z(j), p.z);
  }

  /// Y + X, Y - X, T of each entry, and Z: from the sum of all teeth on in the order of a Gray code, each from the one before
  /// by a single ± 2 P_q (PointTables::sums). Tooth q < 4 makes room for 2 P_q.
  static MEGASEAL_INLINE void fill(u8* row, const Scratch& scratch) {
    // The sum begins with the neutral element.
    Point all{F::small(0), F::small(1), F::small(0), F::small(1)};
    MEGASEAL_UNROLL(1)
    for (u32 q = 0; q < teeth; q++) {
      u8* const tooth = scratch.tooth(q);
      Point p{Scratch::get(tooth), Scratch::get(tooth + 64), Scratch::get(tooth + 96), Scratch::get(tooth + 32)};
      Curve::add(all, Curve::cached(p), false);
      if (q + 1 == teeth) break;
      Curve::template dbl<true>(p);
      const Cached twice = Curve::cached(p);
      Scratch::put(tooth, twice.ypx);
      Scratch::put(tooth + 32, twice.ymx);
      Scratch::put(tooth + 64, twice.z2);
      Scratch::put(tooth + 96, twice.t2d);
    }
    u32 at = entries - 1;
    save(row, scratch, at, all);
    MEGASEAL_UNROLL(1)
    for (u32 n = 1; n < entries; n++) {
      u32 q = 0;
      while (!(n >> q & 1)) q++;
      at ^= 1 << q;
      // The negative has Y + X and Y - X exchanged, and -2 d T.
      const u32 minus = (at >> q & 1) ^ 1;
      const u8* const tooth = scratch.tooth(q);
      const Elem t2d = Scratch::get(tooth + 96);
      const Cached twice{Scratch::get(tooth + 32 * minus), Scratch::get(tooth + 32 * (minus ^ 1)),
                         Scratch::get(tooth + 64),
                         F::select({u32(0) - minus}, t2d, F::sub(F::small(0), t2d))};
      Curve::add(all, twice, false);
      save(row, scratch, at, all);
    }
  }

  /// Z is never 0: the addition formulas are complete.
  static MEGASEAL_INLINE void make_affine(u8* row, const Scratch& scratch) {
    Elem product = Scratch::get(scratch.z(0));
    MEGASEAL_UNROLL(1)
    for (u32 j = 1; j < entries; j++) {
      Scratch::put(scratch.product(j), product);
      product = F::mul(product, Scratch::get(scratch.z(j)));
    }
    Elem inverse = FieldOps<F>::invert(product);  // of the product up to entry j
    MEGASEAL_UNROLL(1)
    for (u32 j = entries; j-- > 0;) {
      Elem one = inverse;
      if (j > 0) {
        one = F::mul(inverse, Scratch::get(scratch.product(j)));
        inverse = F::mul(inverse, Scratch::get(scratch.z(j)));
      }
      MEGASEAL_UNROLL(1)
      for (u32 c = 0; c < 3; c++) {
        u8* const p = coordinate(row, j, c);
        Scratch::put(p, F::mul(one, Scratch::get(p)));
        if (c == 1) one = F::mul(one, Curve::twice_d());
      }
    }
  }
};

/// num / den <- the u-coordinate of the product of an item's secret and its recipient's key, by the recipient's table.
template <class F>
struct PreparedMultiples {
  using Job = gpu::PreparedJob;
  using Mask = typename F::Mask;
  using Curve = Edwards25519<F>;
  using Digits = DigitsOf5<F>;

  static MEGASEAL_INLINE u32 item(const Job& job, u32 position) {
    if (is_beyond(job, position) || !job.has_table[table_at(job, position)]) return no_item;
    return item_at(job, position);
  }
  static MEGASEAL_INLINE bool is_beyond(const Job& job, u32 position) { return position >= job.num; }
  /// To the ladder, if there is an item and no table.
  static MEGASEAL_INLINE void leave(const Job& job, u32 position) {
    if (!is_beyond(job, position)) job.left[fetch_add(job.num_left, 1)] = item_at(job, position);
  }

  template <u32 N>
  static MEGASEAL_INLINE void run(const Job& job, u32 position, u32 item, u32 i, Column<F, N>& num,
                                  Column<F, N>& den) {
    u32 k[8];
    load_clamped(k, job.secrets + size_t(job.secret_stride) * item);
    Digits::recode(k);
    // They wait where the denominator will be.
    MEGASEAL_UNROLL(8)
    for (int w = 0; w < 8; w++) den.limb[w][i] = k[w];

    const u8* const table = job.tables + size_t(gpu::PrepareJob::row_bytes) * job.rows * table_at(job, position);
    // The neutral element.
    typename Curve::Point p{F::small(0), F::small(1), F::small(0), F::small(1)};
    MEGASEAL_UNROLL(1)
    for (u32 r = job.spacing; r-- > 0;) {
      if (r + 1 != job.spacing) Curve::template dbl<true>(p);
      MEGASEAL_UNROLL(1)
      for (u32 b = 0; b < job.rows; b++) {
        Mask positive;
        const auto entry = Digits::entry(table + size_t(gpu::PrepareJob::row_bytes) * b,
                                         signs(job, den, i, b, r), positive);
        Curve::add(p, entry, positive, b + 1 != job.rows);
      }
    }
    Digits::put_u(p, i, num, den);
  }

 private:
  static MEGASEAL_INLINE u32 item_at(const Job& job, u32 position) {
    return job.items ? job.items[position] : position;
  }
  static MEGASEAL_INLINE u32 table_at(const Job& job, u32 position) {
    return job.table_of ? job.table_of[position] : 0;
  }
  /// Of 5 · rows · spacing = 260 signs those that column r of row b takes. The topmost is positive, and between it and what the
  /// words hold all are negative.
  template <u32 N>
  static MEGASEAL_INLINE u32 signs(const Job& job, const Column<F, N>& words, u32 i, u32 b, u32 r) {
    u32 v = 0;
    MEGASEAL_UNROLL(1)
    for (u32 q = Digits::bits; q-- > 0;) {
      const u32 at = (Digits::bits * b + q) * job.spacing + r;
      const u32 word = at < 256 ? words.limb[at / 32][i] : topmost;
      v = v << 1 | (word >> (at % 32) & 1);
    }
    return v;
  }
  static constexpr u32 topmost = 1 << (259 % 32);
  template <int kSize>
  static constexpr int signs_of = prepared_shapes[kSize].rows * prepared_shapes[kSize].spacing * prepared_teeth;
  static_assert(x25519_prepared_sizes == 3 && signs_of<0> == 260 && signs_of<1> == 260 && signs_of<2> == 260);
};

using X25519Teeth = TeethProgram<CurveField>;
using X25519Rows = RowsProgram<CurveField>;
using X25519Prepared = CurveProgram<CurveField, PreparedMultiples<CurveField>, 1, true>;

MEGASEAL_KERNELS_END
