// Whether a point lies on the curve or on its twist, by arithmetic that shares nothing with the kernels'.
#pragma once
#include <cstdint>
#include <cstring>

namespace megaseal::test {

/// An integer modulo p = 2^255 - 19, below 2^256, in four limbs.
struct Residue {
  uint64_t limbs[4];

  friend Residue operator*(const Residue& a, const Residue& b) {
    uint64_t wide[8] = {};
    for (int i = 0; i < 4; i++) {
      uint64_t carry = 0;
      for (int j = 0; j < 4; j++) {
        const auto t = (unsigned __int128)a.limbs[i] * b.limbs[j] + wide[i + j] + carry;
        wide[i + j] = uint64_t(t);
        carry = uint64_t(t >> 64);
      }
      wide[i + 4] = carry;
    }
    Residue r;  // 2^256 is 38
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
      const auto t = (unsigned __int128)wide[i + 4] * 38 + wide[i] + carry;
      r.limbs[i] = uint64_t(t);
      carry = uint64_t(t >> 64);
    }
    return r.plus(carry * 38);
  }
  friend Residue operator+(const Residue& a, const Residue& b) {
    Residue r;
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
      const auto t = (unsigned __int128)a.limbs[i] + b.limbs[i] + carry;
      r.limbs[i] = uint64_t(t);
      carry = uint64_t(t >> 64);
    }
    return r.plus(carry * 38);
  }
  Residue plus(uint64_t small) const {
    Residue r = *this;
    while (small) {
      for (int i = 0; i < 4 && small; i++)
        small = __builtin_add_overflow(r.limbs[i], small, &r.limbs[i]) ? 1 : 0;
      small *= 38;
    }
    return r;
  }
  bool is(uint64_t small) const {
    // Below 2^256 a value has up to three forms.
    Residue p = {{0xffffffffffffffed, ~0ull, ~0ull, 0x7fffffffffffffff}}, want = {{small, 0, 0, 0}};
    for (int i = 0; i < 3; i++) {
      if (std::memcmp(want.limbs, limbs, 32) == 0) return true;
      unsigned carry = 0;
      for (int k = 0; k < 4; k++) {
        const auto t = (unsigned __int128)want.limbs[k] + p.limbs[k] + carry;
        want.limbs[k] = uint64_t(t);
        carry = unsigned(t >> 64);
      }
    }
    return false;
  }
};

/// For the points of order 2 and less, which are on both: false, as they are of low order. Those of order 4 and 8 count as
/// on the curve or not, as they are.
inline bool on_curve(const uint8_t* key) {
  Residue u;
  std::memcpy(u.limbs, key, 32);
  u.limbs[3] &= 0x7fffffffffffffff;
  // v^2 = u^3 + 486662 u^2 + u, a square by Euler's criterion: to the power of (p - 1) / 2 = 2^254 - 10.
  const Residue v2 = u * (u * u + u * Residue{{486662, 0, 0, 0}} + Residue{{1, 0, 0, 0}});
  Residue r = {{1, 0, 0, 0}};
  for (int bit = 253; bit >= 0; bit--) {
    r = r * r;
    if (bit >= 4 || (0x6 >> bit & 1)) r = r * v2;  // 2^254 - 10: ones, and 0110 at the end
  }
  return r.is(1);
}

}  // namespace megaseal::test
