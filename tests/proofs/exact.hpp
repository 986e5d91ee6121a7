// Non-negative integers of up to 320 bits, exactly and plainly: what the proofs compare with.
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

struct Exact {
  static constexpr int words = 5;
  u64 w[words] = {};

  static Exact of(u64 x) { return {{x}}; }
  static Exact power(int bit) {
    Exact r;
    r.w[bit / 64] = u64(1) << (bit % 64);
    return r;
  }
  friend Exact operator+(Exact a, const Exact& b) {
    unsigned __int128 c = 0;
    for (int i = 0; i < words; i++) c += (unsigned __int128)a.w[i] + b.w[i], a.w[i] = u64(c), c >>= 64;
    return a;
  }
  /// a >= b
  friend Exact operator-(Exact a, const Exact& b) {
    u64 borrow = 0;
    for (int i = 0; i < words; i++) {
      const unsigned __int128 d = (unsigned __int128)a.w[i] - b.w[i] - borrow;
      a.w[i] = u64(d), borrow = u64(d >> 64) & 1;
    }
    return a;
  }
  friend Exact operator*(Exact a, u64 k) {
    unsigned __int128 c = 0;
    for (int i = 0; i < words; i++) c += (unsigned __int128)a.w[i] * k, a.w[i] = u64(c), c >>= 64;
    return a;
  }
  Exact shl(int bits) const {
    Exact r;
    for (int i = words - 1; i >= bits / 64; i--) {
      r.w[i] = w[i - bits / 64] << (bits % 64);
      if (bits % 64 && i > bits / 64) r.w[i] |= w[i - bits / 64 - 1] >> (64 - bits % 64);
    }
    return r;
  }
  friend bool operator<(const Exact& a, const Exact& b) {
    for (int i = words - 1; i >= 0; i--)
      if (a.w[i] != b.w[i]) return a.w[i] < b.w[i];
    return false;
  }
  friend bool operator==(const Exact& a, const Exact& b) = default;
  /// For values below 1000 m; others stay m or more.
  Exact mod(const Exact& m) const {
    Exact r = *this;
    for (int i = 0; i < 1000 && !(r < m); i++) r = r - m;
    return r;
  }
  static Exact p25519() { return power(255) - of(19); }
  static Exact p1305() { return power(130) - of(5); }
};

MEGASEAL_KERNELS_END
