// Poly1305 (RFC 8439 §2.5) of many messages at once, one to a lane of a field's word.
//
// Lanes finish together: a shorter message starts later, its lane holding 0 until then (0·r + 0 is 0), so that every
// message ends at the same step and none needs a way out. Blocks come as rows of 64 bytes, turned into words across
// lanes. Each message has its own key; one that many share needs no path of its own.
//
// Two ways along the messages:
//   Horner:  a multiplication and a reduction for each block; G groups of lanes side by side fill the waiting time.
//   powers:  four blocks by r^4, r^3, r^2 and r, and one reduction: fewer steps, but the powers cost three
//            multiplications first.
#pragma once
#include "kernels/base.hpp"
#include "kernels/partial.hpp"

MEGASEAL_KERNELS_BEGIN

/// What is authenticated: additional data, then the text, of each lane; keys are the 32 bytes of r and pad. Arrays of
/// G·L entries. No length is a secret, and branches depend on nothing else.
struct Poly1305Jobs {
  const u64* len;
  const u64* aad_len;
  const u8* const* text;
  const u8* const* aad;
  const u8* const* key;
  u8* const* tag;
};

/// kBox: the text alone, closed by a 1 right after its last byte (§2.5), as secretbox has it; otherwise aad and text
/// each padded with zeros to whole blocks, then both lengths (§2.8).
template <class F, bool kBox>
struct Poly1305Lanes {
  using W = typename F::Word;
  using Elem = typename F::Elem;
  using Factor = typename F::Factor;
  static constexpr int L = W::lanes;
  /// Blocks in a row.
  static constexpr int64_t step = 4;

  static MEGASEAL_INLINE Elem plus(Elem a, const Elem& b) {
#pragma GCC unroll 8
    for (int i = 0; i < F::limbs; i++) a.l[i] = a.l[i] + b.l[i];
    return a;
  }
  static MEGASEAL_INLINE Elem mul(const Elem& a, const Factor& m) {
    auto t = F::no_sum();
    F::mul_add(t, a, m);
    return F::reduce(t);
  }
  /// m += e in the lanes where `at` is `begin`.
  static MEGASEAL_INLINE void join_at(Elem& m, W at, W begin, const Elem& e) {
#pragma GCC unroll 8
    for (int i = 0; i < F::limbs; i++) m.l[i] = m.l[i] + if_equal(at, begin, e.l[i]);
  }

  /// Four blocks of each lane, from block b on; lane l's message begins at block start[l].
  static MEGASEAL_INLINE void load_whole(W (&q)[8], const Poly1305Jobs& j, const int64_t* start, int64_t b) {
    typename W::Row r[L];
#pragma GCC unroll 8
    for (int l = 0; l < L; l++) r[l] = W::row(j.text[l] + 16 * (b - start[l]));
    W::from_rows(q, r);
  }
  static MEGASEAL_INLINE void load_part(W (&q)[8], const Poly1305Jobs& j, const int64_t* start, int64_t b) {
    typename W::Row r[L];
#pragma GCC unroll 8
    for (int l = 0; l < L; l++) {
      const int64_t at = 16 * (b - start[l]);
      const int64_t skip = at >= 0 ? 0 : at < -64 ? 64 : -at;
      int64_t n = int64_t(j.len[l]) - (at + skip);
      n = n > 64 - skip ? 64 - skip : n;
      // Where nothing is read, the address is still one inside the message.
      r[l] = W::row_part(j.text[l] + (n == 0 ? 0 : at + skip), unsigned(skip), unsigned(n));
    }
    W::from_rows(q, r);
  }

  /// Additional data of each lane: zero-padded blocks, right-aligned as well. Off the fast path.
  static MEGASEAL_NOINLINE void absorb_aad(Elem& out, const Poly1305Jobs& j, const Factor& m1) {
    u64 most = 0;
    for (int l = 0; l < L; l++) {
      const u64 n = (j.aad_len[l] + 15) / 16;
      if (n > most) most = n;
    }
    Elem h = F::zero();
    for (u64 b = 0; b < most; b++) {
      alignas(64) u64 lo[L] = {}, hi[L] = {}, top[L] = {};
      for (int l = 0; l < L; l++) {
        const u64 n = (j.aad_len[l] + 15) / 16;
        if (b + n < most) continue;
        const u64 at = 16 * (b + n - most), left = j.aad_len[l] - at;
        const u8* p = j.aad[l] + at;
        if (left >= 16)
          lo[l] = load_le64(p), hi[l] = load_le64(p + 8);
        else
          load_partial16(lo[l], hi[l], p, left);
        top[l] = F::top_bit;
      }
      Elem e = F::from(W::load(lo), W::load(hi));
      F::add_top(e, W::load(top));
      h = mul(plus(h, e), m1);
    }
    out = h;
  }

  /// The end of a kBox text whose last block is not whole: a 1 after the last byte takes the place of 2^128.
  struct Mark {
    W lo, hi, top;
  };
  static MEGASEAL_INLINE Mark marks(const u64* len) {
    alignas(64) u64 lo[L], hi[L], top[L];
    for (int l = 0; l < L; l++) {
      const u64 n = len[l] % 16, bit = u64(1) << (8 * (n % 8));
      lo[l] = n != 0 && n < 8 ? bit : 0;
      hi[l] = n >= 8 ? bit : 0;
      top[l] = n == 0 ? F::top_bit : 0;
    }
    return {W::load(lo), W::load(hi), W::load(top)};
  }

  /// Whole rows [b, end) by powers. Words with registers to spare load and turn the next rows between the
  /// multiplications of these: the processor sees only some 100 instructions ahead and would not find that overlap by
  /// itself. The others would only spill them.
  static MEGASEAL_NOINLINE void whole_rows(Elem& h, const Poly1305Jobs& j, const int64_t* start, int64_t b,
                                           int64_t end, const Factor (&m)[4]) {
    const u8* p[L];
    const W top = W::splat(F::top_bit);
#pragma GCC unroll 8
    for (int l = 0; l < L; l++) p[l] = j.text[l] + 16 * (b - start[l]);
    W q[8];
    size_t at = 0;
    if constexpr (W::registers < 32) {
      for (; b < end; b += step, at += 64) {
        load_rows_at(q, p, at);
        Elem e = block_of(q, 0, top);
        auto t = F::no_sum();
        F::mul_add(t, plus(e, h), m[3]);
        F::mul_add(t, block_of(q, 1, top), m[2]);
        F::mul_add(t, block_of(q, 2, top), m[1]);
        F::mul_add(t, block_of(q, 3, top), m[0]);
        h = F::reduce(t);
      }
    } else {
      Elem e[4];
      load_rows_at(q, p, 0);
      blocks_of(e, q, top);
      for (b += step; b <= end; b += step) {
        at += b < end ? 64 : 0;  // the last turn loads its own rows again
        auto t = F::no_sum();
        F::mul_add(t, e[1], m[2]);
        load_rows_at(q, p, at);
        F::mul_add(t, e[2], m[1]);
        F::mul_add(t, e[3], m[0]);
        F::mul_add(t, plus(e[0], h), m[3]);
        h = F::reduce(t);
        blocks_of(e, q, top);
      }
    }
  }
  static MEGASEAL_INLINE Elem block_of(const W (&q)[8], int k, W top) {
    Elem e = F::from(q[2 * k], q[2 * k + 1]);
    F::add_top(e, top);
    return e;
  }
  static MEGASEAL_INLINE void load_rows_at(W (&q)[8], const u8* const* p, size_t at) {
    typename W::Row r[L];
#pragma GCC unroll 8
    for (int l = 0; l < L; l++) r[l] = W::row(p[l] + at);
    W::from_rows(q, r);
  }
  static MEGASEAL_INLINE void blocks_of(Elem (&e)[4], const W (&q)[8], W top) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) e[k] = block_of(q, k, top);
  }

  /// Tags of G·L messages. kPowers: by powers, otherwise Horner.
  template <bool kPowers, int G>
  static MEGASEAL_NOINLINE void run(const Poly1305Jobs& jobs) {
    u64 least = ~u64(0), most = 0, odd = 0, any_aad = 0;
    for (int l = 0; l < G * L; l++) {
      const u64 n = jobs.len[l];
      if (n < least) least = n;
      if (n > most) most = n;
      odd |= n & 15;
      if constexpr (!kBox) any_aad |= jobs.aad_len[l];
    }
    // In blocks: the end of all messages, a multiple of the step; the latest and the earliest beginning.
    const int64_t end = int64_t((most + 63) / 64) * step;
    const int64_t latest = end - int64_t((least + 15) / 16), earliest = end - int64_t((most + 15) / 16);

    alignas(64) int64_t start[G][L];
    Poly1305Jobs j[G];
    W begin[G];
    Elem h[G], head[G];
    Factor m[G][4];
    Mark mark[G];
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
      const int i = g * L;
      j[g] = {jobs.len + i, jobs.aad_len + i, jobs.text + i, jobs.aad + i, jobs.key + i, jobs.tag + i};
      begin[g] = W::splat(u64(end)) - (W::load(j[g].len) + W::splat(15)).template shr<4>();
      begin[g].store((u64*)start[g]);
      W q[4];
      W::load_keys(q, j[g].key);
      // Clamped (§2.5).
      const Elem r = F::from(q[0] & W::splat(0x0ffffffc0fffffff), q[1] & W::splat(0x0ffffffc0ffffffc));
      m[g][0] = F::factor(r);
      h[g] = head[g] = F::zero();
      if constexpr (kPowers) {
        const Elem r2 = mul(r, m[g][0]);
        m[g][1] = F::factor(r2);
        m[g][2] = F::factor(mul(r2, m[g][0]));
        m[g][3] = F::factor(mul(r2, m[g][1]));
      }
      if constexpr (kBox) mark[g] = marks(j[g].len);
    }
    if constexpr (!kBox)
      if (any_aad)
        for (int g = 0; g < G; g++) absorb_aad(head[g], j[g], m[g][0]);

    for (int64_t b = 0; b < end; b += step) {
      const bool begun = any_aad ? b > latest : b >= latest;
      if constexpr (kPowers && G == 1) {
        const int64_t whole_end = odd ? end - step : end;
        if (begun && b < whole_end) {
          whole_rows(h[0], j[0], start[0], b, whole_end, m[0]);
          b = whole_end - step;
          continue;
        }
      }
      const bool whole = begun && (!odd || b + step < end);
      // Four blocks of each lane, left in memory: there are registers for the accumulators or for these.
      W q[G][8], last_top = W::splat(F::top_bit);
#pragma GCC unroll 4
      for (int g = 0; g < G; g++) {
        if (whole)
          load_whole(q[g], j[g], start[g], b);
        else
          load_part(q[g], j[g], start[g], b);
        if constexpr (kBox)
          if (!whole && b + step == end) q[g][6] = q[g][6] | mark[g].lo, q[g][7] = q[g][7] | mark[g].hi;
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) in_memory(q[g][i]);
      }
      const auto block = [&](int g, int k) __attribute__((always_inline)) {
        Elem e = F::from(q[g][2 * k], q[g][2 * k + 1]);
        const W top = kBox && k == 3 && !whole && b + step == end ? mark[g].top : last_top;
        if (whole) {
          F::add_top(e, top);
        } else {
          const W at = W::splat(u64(b + k));
          F::add_top(e, if_at_least(at, begin[g], top));
          if (any_aad) join_at(e, at, begin[g], head[g]);
        }
        return e;
      };
      if constexpr (kPowers) {
#pragma GCC unroll 4
        for (int g = 0; g < G; g++) {
          auto t = F::no_sum();
          F::mul_add(t, block(g, 1), m[g][2]);
          F::mul_add(t, block(g, 2), m[g][1]);
          F::mul_add(t, block(g, 3), m[g][0]);
          F::mul_add(t, plus(block(g, 0), h[g]), m[g][3]);
          h[g] = F::reduce(t);
        }
      } else {
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
          if (earliest <= b + k)
#pragma GCC unroll 4
            for (int g = 0; g < G; g++) h[g] = mul(plus(h[g], block(g, k)), m[g][0]);
      }
    }

#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
      if constexpr (!kBox) {
        if (any_aad) join_at(h[g], begin[g], W::splat(u64(end)), head[g]);  // texts of no bytes
        Elem e = F::from(W::load(j[g].aad_len), W::load(j[g].len));
        F::add_top(e, W::splat(F::top_bit));
        h[g] = mul(plus(h[g], e), m[g][0]);
      }
      W q[4], lo, hi;
      W::load_keys(q, j[g].key);
      F::canonical(lo, hi, h[g]);
      lo = wrap_add(lo, q[2]);
      hi = wrap_add(wrap_add(hi, q[3]), if_less(lo, q[2], W::splat(1)));
      W::store_pairs(j[g].tag, lo, hi);
    }
  }
};

MEGASEAL_KERNELS_END
