// Integers that stand for every value between two bounds, for kernels/safegcd.hpp. Those with a sign must never overflow.
// Those without wrap on purpose there: they are known modulo 2^64 only, so that their bounds may be below 0.
#pragma once
#include "interval_word.hpp"

MEGASEAL_KERNELS_BEGIN

template <class T>
struct IntervalInt {
  using i128 = __int128;
  using Narrow = IntervalInt<int64_t>;
  using Wide = IntervalInt<i128>;
  static constexpr bool is_signed = T(-1) < T(0);
  i128 lo, hi;

  IntervalInt() = default;
  IntervalInt(T x) : lo(i128(x)), hi(i128(x)) {}
  IntervalInt(i128 from, i128 to, bool) : lo(from), hi(to) {}
  static IntervalInt between(i128 from, i128 to) { return {from, to, true}; }
  static i128 highest() {
    return sizeof(T) == 16 ? i128(~(unsigned __int128)0 >> 1) : (i128(1) << (64 - is_signed)) - 1;
  }
  static i128 lowest() { return is_signed ? -highest() - 1 : 0; }
  static IntervalInt any() { return between(lowest(), highest()); }
  static bool fits(i128 from, i128 to) {
    return is_signed ? from >= lowest() && to <= highest() : from >= -highest() && to <= highest();
  }
  template <class S>
  explicit(sizeof(S) >= sizeof(T)) IntervalInt(IntervalInt<S> other) : lo(other.lo), hi(other.hi) {
    if (fits(lo, hi)) return;
    // To fewer bits with a sign, from others with one: all must be kept. Else bits are taken as they come.
    need(!(is_signed && IntervalInt<S>::is_signed), "a number fits 64 bits");
    *this = any();
  }

  /// What came of an exact operation, unless one of them overflowed.
  static IntervalInt exact(i128 from, i128 to, bool overflowed, const char* what) {
    const bool good = !overflowed && fits(from, to);
    if (is_signed) need(good, what);
    return good ? between(from, to) : any();
  }
  friend IntervalInt operator+(IntervalInt a, IntervalInt b) {
    i128 from, to;
    const bool below = __builtin_add_overflow(a.lo, b.lo, &from),
               above = __builtin_add_overflow(a.hi, b.hi, &to);
    return exact(from, to, below || above, "a + b fits");
  }
  friend IntervalInt operator-(IntervalInt a, IntervalInt b) {
    i128 from, to;
    const bool below = __builtin_sub_overflow(a.lo, b.hi, &from),
               above = __builtin_sub_overflow(a.hi, b.lo, &to);
    return exact(from, to, below || above, "a - b fits");
  }
  friend IntervalInt operator*(IntervalInt a, IntervalInt b) {
    bool overflowed = false;
    i128 least = 0, most = 0;
    for (int corner = 0; corner < 4; corner++) {
      i128 x;
      overflowed |= __builtin_mul_overflow(corner & 1 ? a.lo : a.hi, corner & 2 ? b.lo : b.hi, &x);
      if (corner == 0) least = most = x;
      least = x < least ? x : least, most = x > most ? x : most;
    }
    return exact(least, most, overflowed, "a * b fits");
  }
  /// With a mask of low ones.
  friend IntervalInt operator&(IntervalInt a, IntervalInt b) {
    need(b.lo == b.hi && b.lo >= 0, "a mask");
    return a.lo >= 0 && a.hi <= b.hi ? a : between(0, b.hi);
  }
  friend IntervalInt operator|(IntervalInt, IntervalInt) { return any(); }
  /// With 0 or -1.
  friend IntervalInt operator^(IntervalInt a, IntervalInt b) {
    if (!is_signed) return any();
    need(b.lo >= -1 && b.hi <= 0, "a mask of all or nothing");
    const i128 from = -1 - a.hi, to = -1 - a.lo;
    return between(a.lo < from ? a.lo : from, a.hi > to ? a.hi : to);
  }
  friend IntervalInt operator<<(IntervalInt a, int n) {
    need(!is_signed, "only numbers without a sign are shifted up");
    return a.lo >= 0 && a.hi >> (64 - n) == 0 ? between(a.lo << n, a.hi << n) : any();
  }
  friend IntervalInt operator>>(IntervalInt a, int n) {
    if (!is_signed && a.lo < 0) a = any();
    return between(a.lo >> n, a.hi >> n);
  }
  IntervalInt& operator+=(IntervalInt b) { return *this = *this + b; }
  IntervalInt& operator-=(IntervalInt b) { return *this = *this - b; }
  IntervalInt& operator&=(IntervalInt b) { return *this = *this & b; }
  IntervalInt& operator>>=(int n) { return *this = *this >> n; }
  friend IntervalInt value_barrier(IntervalInt a) { return a; }
};

MEGASEAL_KERNELS_END
