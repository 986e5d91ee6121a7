// Multiples of a fixed point: a comb of signed odd digits on edwards25519, -x^2 + y^2 = 1 + d x^2 y^2 (RFC
// 8032 §5.1, birationally equivalent to curve25519, RFC 7748 §4.1), and the x25519_public slot built on it.
// x25519_prepared.hpp has the comb for other points.
//
// The scalar k is clamped, so k P = k' Q with Q = 8P of prime order L and k' = k / 8 < 2^252. Made odd (by
// adding L where it is even), k' is a sum of ± 2^i over all i < BITS · WINDOWS, without a zero term. So every
// BITS-bit digit is odd: a table holds 2^(BITS - 1) odd multiples, no digit is zero, and no case is special.
//
// Constant time: digits reach look-ups that read or permute the whole row, and selections. The addition
// formulas are complete (Hisil, Wong, Carter, Dawson, Asiacrypt 2008), so no input is special either.
#pragma once
#include "kernels/field_ops.hpp"
#include "kernels/x25519.hpp"

MEGASEAL_KERNELS_BEGIN

template <class F>
struct Edwards25519 {
  using Elem = typename F::Elem;
  using Prod = typename F::Prod;
  using Biased = typename F::Biased;
  using Mask = typename F::Mask;

  /// Extended coordinates, x = X/Z, y = Y/Z, T = XY/Z; all of them straight from products ("tight").
  struct Point {
    Prod x, z, t;
    Biased y;
  };
  /// A table entry: y + x, y - x, 2 d x y of an affine point.
  struct Niels {
    Elem ypx, ymx, t2d;
  };

  /// A point as an addend of several sums: Y + X, Y - X, 2 Z, 2 d T.
  struct Cached {
    Elem ypx, ymx, z2, t2d;
  };

  static MEGASEAL_INLINE Elem twice_d() {
    constexpr u64 words[4] = {0xebd69b9426b2f159, 0x00e0149a8283b156, 0x198e80f2eef3d130, 0x2406d9dc56dffce7};
    return F::constant(words);
  }

  /// The entry as a point: (4x : 4y : 4 : 4xy), which takes no halving.
  static MEGASEAL_INLINE Point start(const Niels& n, Mask positive) {
    const Elem plus = F::select(positive, n.ymx, n.ypx), minus = F::select(positive, n.ypx, n.ymx);
    const Elem x2 = F::norm(F::sub(F::widen(plus), F::widen(minus)));
    const Elem y2 = F::norm(F::add(F::widen(plus), F::widen(minus)));
    const Elem two = F::small(2);
    return {F::mul(x2, two), F::widen(F::small(4)), F::mul(x2, y2), F::mul_biased(y2, two)};
  }

  /// p ← p ± n: mixed addition, 7 multiplications. -n swaps y + x with y - x and negates 2dxy; the negation
  /// is done by exchanging f and g instead. T is left out where no addition follows: by a public branch, because a copy of
  /// the addition for each is more code than processors keep decoded.
  static MEGASEAL_INLINE void add(Point& p, const Niels& n, Mask positive, bool with_t) {
    const Prod a = F::mul(F::norm(F::sub_biased(p.y, p.x)), F::select(positive, n.ypx, n.ymx));
    const Biased b = F::mul_biased(F::norm(F::add(p.y, p.x)), F::select(positive, n.ymx, n.ypx));
    const Biased c = F::mul_biased(F::norm(p.t), n.t2d);
    const Prod d = F::add(p.z, p.z);
    const Elem e = F::norm(F::sub_biased(b, a)), h = F::norm(F::add(b, a));
    const Elem less = F::norm_deep(F::sub_of_biased(d, c)), more = F::norm_deep(F::add(c, d));
    const Elem f = F::select(positive, more, less), g = F::select(positive, less, more);
    p.x = F::mul(e, f);
    p.y = F::mul_biased(g, h);
    p.z = F::mul(f, g);
    if (with_t) p.t = F::mul(e, h);
  }

  static MEGASEAL_INLINE Cached cached(const Point& p) {
    return {F::norm(F::add(p.y, p.x)), F::norm(F::sub_biased(p.y, p.x)),
            F::norm(F::centred(F::add(p.z, p.z))), FieldOps<F>::mul(F::norm(p.t), twice_d())};
  }
  /// p ← p + n, or with a public `minus` p - n: 8 multiplications.
  static MEGASEAL_INLINE void add(Point& p, const Cached& n, bool minus) {
    const Prod a = F::mul(F::norm(F::sub_biased(p.y, p.x)), minus ? n.ypx : n.ymx);
    const Biased b = F::mul_biased(F::norm(F::add(p.y, p.x)), minus ? n.ymx : n.ypx);
    const Biased c = F::mul_biased(F::norm(p.t), n.t2d);
    const Prod d = F::mul(F::norm(p.z), n.z2);
    const Elem e = F::norm(F::sub_biased(b, a)), h = F::norm(F::add(b, a));
    const Elem less = F::norm(F::sub_of_biased(d, c)), more = F::norm(F::add(c, d));
    const Elem &f = minus ? more : less, &g = minus ? less : more;
    p.x = F::mul(e, f);
    p.y = F::mul_biased(g, h);
    p.z = F::mul(f, g);
    p.t = F::mul(e, h);
  }

  /// p ← 2p: 4 squarings and 3 or 4 multiplications. Differences of three terms are written so that only
  /// products are subtracted.
  template <bool with_t>
  static MEGASEAL_INLINE void dbl(Point& p) {
    const Prod xx = F::sqr(F::norm(F::centred(p.x))), zz = F::sqr(F::norm(F::centred(p.z)));
    const Prod ss = F::sqr(F::norm(F::add(p.y, p.x)));
    const Biased yy = F::sqr_biased(F::norm(p.y));
    const Elem g = F::norm(F::sub_biased(yy, xx)), h = F::norm(F::add(yy, xx));
    const Elem e = F::norm_deep(F::sub_biased(F::sub_of_biased(ss, yy), xx));       // 2xy
    const Elem f = F::norm_deep(F::sub_of_biased(F::add(F::add(zz, zz), xx), yy));  // 2zz - g
    p.x = F::mul(e, f);
    p.y = F::mul_biased(g, h);
    p.z = F::mul(f, g);
    if (with_t) p.t = F::mul(e, h);
  }
};

/// The signs of a scalar: bit i set for + 2^i, clear for - 2^i.
template <class W>
struct Signs {
  W w[5];
};

/// With `num` signs s_i, k'' = Σ ± 2^i = 2 Σ s_i 2^i - (2^num - 1), so the signs are the bits of (k'' - 1) / 2 +
/// 2^(num-1); the low bit of the odd k'' drops out of the shift, and 2^(num-1) is above what remains: k' + L < 2^253 +
/// 2^125 needs 254 signs.
template <class W>
MEGASEAL_INLINE void recode(Signs<W>& s, const W (&clamped)[4], int num) {
  constexpr u64 order[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};  // L
  W k[5];
  for (int i = 0; i < 4; i++) {
    k[i] = clamped[i].template shr<3>();
    if (i < 3) k[i] = k[i] | clamped[i + 1].shl_bits(61);
  }
  // k'' = k' + (even ? L : 0), in halves of words, whose sums cannot wrap.
  const typename W::Mask odd = k[0].template bit<0>();
  const W low = W::splat(0xffffffff);
  W carry = W::zero();
  for (int i = 0; i < 4; i++) {
    const W l = select(odd, W::splat(order[i]), W::zero());
    const W a = (k[i] & low) + (l & low) + carry;
    const W b = k[i].template shr<32>() + l.template shr<32>() + a.template shr<32>();
    k[i] = (a & low) | b.shl_bits(32);
    carry = b.template shr<32>();
  }
  k[4] = W::zero();
  for (int i = 0; i < 5; i++) {
    s.w[i] = k[i].template shr<1>();
    if (i < 4) s.w[i] = s.w[i] | k[i + 1].shl_bits(63);
    if (i == (num - 1) / 64) s.w[i] = s.w[i] | W::splat(u64(1) << ((num - 1) % 64));
  }
  wipe(k, sizeof k);
}

/// A digit of BITS signs: which of 2^(BITS - 1) entries, and its sign. The digit's top bit is the sign of the whole: if
/// it is clear, the other signs count from the other end.
template <int BITS, class W>
MEGASEAL_INLINE W digit_index(W v, typename W::Mask& positive) {
  constexpr int entries = 1 << (BITS - 1);
  positive = v.template bit<BITS - 1>();
  const W low = v & W::splat(entries - 1);
  return select(positive, low ^ W::splat(entries - 1), low);
}

/// WINDOWS digits of BITS bits, each served by a row of its own.
template <class F, int BITS, int WINDOWS>
struct Comb {
  static_assert(BITS * WINDOWS >= 254 && BITS * WINDOWS <= 320);
  static constexpr int entries = 1 << (BITS - 1), num_signs = BITS * WINDOWS;
  using W = typename F::W;
  using Mask = typename F::Mask;
  using Curve = Edwards25519<F>;
  using Point = typename Curve::Point;
  using Column = typename F::template Column<entries>;

  struct Row {
    Column ypx, ymx, t2d;
  };
  struct alignas(64) Table {
    Row row[WINDOWS];
  };

  /// The rows of a generated table (row w, entry j: (2j + 1) 2^(BITS w) Q) in this field's limbs, at compile
  /// time.
  static constexpr Table pack(const u64 (&words)[WINDOWS][entries][3][4]) {
    Table t{};
    for (int r = 0; r < WINDOWS; r++)
      for (int j = 0; j < entries; j++) {
        F::put(t.row[r].ypx, j, words[r][j][0]);
        F::put(t.row[r].ymx, j, words[r][j][1]);
        F::put(t.row[r].t2d, j, words[r][j][2]);
      }
    return t;
  }

  /// The entry of window w and its sign.
  static MEGASEAL_INLINE typename Curve::Niels digit(const Row& row, const Signs<W>& s, int w,
                                                     Mask& positive) {
    const int bit = BITS * w, word = bit / 64, shift = bit % 64;
    W v = s.w[word].shr_bits(shift);
    if (shift + BITS > 64) v = v | s.w[word + 1].shl_bits(64 - shift);
    const auto index = W::template selector<entries>(digit_index<BITS>(v, positive));
    return {F::template lookup<entries>(row.ypx, index), F::template lookup<entries>(row.ymx, index),
            F::template lookup<entries>(row.t2d, index)};
  }

  /// p[i] ← k_i P for n points: windows outside, so that a row is in the nearest cache for all of them. T is
  /// not made.
  static MEGASEAL_NOINLINE void multiply(Point* p, const Signs<W>* s, const Table& table, int n) {
    for (int w = 0; w < WINDOWS; w++) {
      Mask positive;
      if (w == 0) {
        for (int i = 0; i < n; i++) {
          const auto entry = digit(table.row[w], s[i], w, positive);
          p[i] = Curve::start(entry, positive);
        }
      } else if (w == WINDOWS - 1) {
        for (int i = 0; i < n; i++) {
          const auto entry = digit(table.row[w], s[i], w, positive);
          Curve::add(p[i], entry, positive, false);
        }
      } else {
        // Hidden: of a row that it knows to be constant, clang 14 makes a copy on the stack, for as few as one vector.
        const Row& row = *value_barrier(&table.row[w]);
        for (int i = 0; i < n; i++) {
          const auto entry = digit(row, s[i], w, positive);
          Curve::add(p[i], entry, positive, true);
        }
      }
    }
  }
};

/// The signs of secrets[first …], one vector.
template <class C>
MEGASEAL_NOINLINE void comb_recode_group(Signs<typename C::W>& signs, const X25519Tile& tile, u32 first,
                                         u32 num) {
  using W = typename C::W;
  W scalar[4];
  Lanes<W>::load(scalar, tile.secrets, first, num);
  clamp(scalar);
  recode(signs, scalar, C::num_signs);
  wipe(scalar, sizeof scalar);
}

/// u = (1 + y) / (1 - y) (RFC 7748 §4.1) is (Z + Y) / (Z - Y); the denominator is 0 for the neutral element alone,
/// which no clamped scalar gives.
template <class F>
MEGASEAL_NOINLINE void comb_to_montgomery(typename F::Elem* num, typename F::Elem* den,
                                          const typename Edwards25519<F>::Point* points, int n) {
  for (int i = 0; i < n; i++) {
    num[i] = F::norm(F::add(points[i].y, points[i].z));
    den[i] = F::norm(F::sub_of_biased(points[i].z, points[i].y));
  }
}

/// The x25519_public slot over a comb of the base point, GROUPS vectors at a time, in stages like
/// x25519_shared_tile.
template <class F, class C, int GROUPS>
MEGASEAL_INLINE void x25519_public_tile(const X25519Tile& tile, const typename C::Table& table) {
  constexpr u32 lanes = u32(F::W::lanes);
  Signs<typename F::W> signs[GROUPS];
  typename C::Point points[GROUPS];
  typename F::Elem num[GROUPS], den[GROUPS], scratch[GROUPS];
  const size_t used = used_groups<GROUPS>(tile.num, lanes);
  for (u32 base = 0; base < tile.num; base += GROUPS * lanes) {
    const u32 end = tile.num - base < GROUPS * lanes ? tile.num : base + GROUPS * lanes;
    const int groups = int((end - base + lanes - 1) / lanes);
    for (int g = 0; g < groups; g++) {
      const u32 first = base + u32(g) * lanes;
      comb_recode_group<C>(signs[g], tile, first, end - first);
    }
    C::multiply(points, signs, table, groups);
    comb_to_montgomery<F>(num, den, points, groups);
    FieldOps<F>::divide(num, den, scratch, groups);
    for (int g = 0; g < groups; g++) {
      const u32 first = base + u32(g) * lanes;
      x25519_finish_group<F, false>(tile, num[g], first, end - first);
    }
  }
  wipe(signs, used * sizeof signs[0]);
  wipe(points, used * sizeof points[0]);
  wipe(num, used * sizeof num[0]);
  wipe(den, used * sizeof den[0]);
  wipe(scratch, used * sizeof scratch[0]);
}

MEGASEAL_KERNELS_END
