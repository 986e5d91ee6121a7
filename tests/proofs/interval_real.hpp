// Doubles that hold every integer between two bounds, beside interval_word.hpp: that no sum leaves what a double holds
// exactly, and no product what kernels/field_5x51_fma.hpp can take apart.
#pragma once
#include "interval_word.hpp"

MEGASEAL_KERNELS_BEGIN

template <int LANES>
struct IntervalRealLanes {
  using Word = IntervalLanes<LANES>;
  using i128 = __int128;
  int64_t lo, hi;

  // Sums of halves are followed without the constants that bit patterns add to them.
  static constexpr u64 high_offset = 0, low_offset = 0;
  static constexpr int64_t exact = int64_t(1) << 53;

  static IntervalRealLanes splat(double x) { return {int64_t(x), int64_t(x)}; }
  template <u64 CENTRE>
  static IntervalRealLanes from_limb(Word low, Word carry) {
    need(low.hi >> 51 == 0, "limb < 2^51 before its carry");
    const Word sum = low + carry;
    need(sum.hi >> 52 == 0, "limb < 2^52 with its carry");
    return {int64_t(sum.lo) - int64_t(CENTRE), int64_t(sum.hi) - int64_t(CENTRE)};
  }
  Word to_low_half() const {
    const int64_t offset = int64_t(1) << 51;
    need(lo >= -offset && hi <= offset, "limb from -2^51 to 2^51");
    return {u64(lo + offset), u64(hi + offset)};
  }
  /// In watched memory a double is its value above 2^60.
  static constexpr int64_t memory_offset = int64_t(1) << 60;
  Word bits() const { return {u64(lo + memory_offset), u64(hi + memory_offset)}; }
  static IntervalRealLanes from_bits(Word bits) {
    return {int64_t(bits.lo) - memory_offset, int64_t(bits.hi) - memory_offset};
  }
  template <int N>
  static IntervalRealLanes lookup(const u64* table, const typename Word::template Selector<N>&) {
    IntervalRealLanes r = splat(__builtin_bit_cast(double, table[0]));
    for (int i = 1; i < N; i++)
      r = select(typename Word::Mask{}, r, splat(__builtin_bit_cast(double, table[i])));
    return r;
  }
  friend IntervalRealLanes operator+(IntervalRealLanes a, IntervalRealLanes b) {
    const IntervalRealLanes r = {a.lo + b.lo, a.hi + b.hi};
    need(r.lo >= -exact && r.hi <= exact, "|a + b| <= 2^53");
    return r;
  }
  friend void halves(Word& high, Word& low, IntervalRealLanes a, IntervalRealLanes b) {
    need(a.lo >= -exact && a.hi <= exact && b.lo >= -exact && b.hi <= exact, "factors at most 2^53 in size");
    const i128 corners[4] = {i128(a.lo) * b.lo, i128(a.lo) * b.hi, i128(a.hi) * b.lo, i128(a.hi) * b.hi};
    i128 least = corners[0], most = corners[0];
    for (const i128 c : corners) least = c < least ? c : least, most = c > most ? c : most;
    const i128 limit = i128(1) << 102, half = i128(1) << 50;
    need(least > -limit && most < limit, "|a b| < 2^102");
    if (least <= -limit || most >= limit) least = -limit, most = limit;
    const i128 offset = i128(1) << 51;
    high = {u64(((least + half - 1) >> 51) + offset), u64(((most + half) >> 51) + offset)};
    low = {u64(1) << 50, u64(3) << 50};
  }
  template <int K>
  IntervalRealLanes swap_lanes() const {
    return *this;
  }
  template <int OTHERS>
  IntervalRealLanes take_lanes(IntervalRealLanes b) const {
    return select(typename Word::Mask{}, *this, b);
  }
  friend IntervalRealLanes select(typename Word::Mask, IntervalRealLanes a, IntervalRealLanes b) {
    return {a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
  }
};
using IntervalReal = IntervalRealLanes<1>;

MEGASEAL_KERNELS_END
