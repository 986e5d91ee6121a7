// Hostile and unusual X25519 points, as encodings.
#pragma once
#include <vector>

#include "tests/support/bytes.hpp"

namespace megaseal::test {

/// The u-coordinates of points of low order on the curve or its twist: 0, 1, the two of order 8, and p - 1.
inline std::vector<Bytes> low_order_canonical() {
  return {
      from_hex("0000000000000000000000000000000000000000000000000000000000000000"),
      from_hex("0100000000000000000000000000000000000000000000000000000000000000"),
      from_hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
      from_hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
      from_hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
  };
}

inline Bytes with_high_bit(Bytes point) {
  point[31] |= 0x80;
  return point;
}

/// u = p + k for 0 <= k <= 18: every value that has a second encoding below 2^255.
inline Bytes p_plus(int k) {
  Bytes point(32, 0xff);
  point[0] = uint8_t(0xed + k);
  point[31] = 0x7f;
  return point;
}

/// The same points in their other encodings: p, p + 1, and every one with its high bit set.
inline std::vector<Bytes> low_order_noncanonical() {
  std::vector<Bytes> out = {p_plus(0), p_plus(1), with_high_bit(p_plus(0)), with_high_bit(p_plus(1))};
  for (const Bytes& point : low_order_canonical()) out.push_back(with_high_bit(point));
  return out;
}

inline std::vector<Bytes> low_order_all() {
  std::vector<Bytes> out = low_order_canonical();
  for (const Bytes& point : low_order_noncanonical()) out.push_back(point);
  return out;
}

/// Encodings of points that are not of low order, and that a lenient reader takes: p + 2 .. p + 18, and high bits.
inline std::vector<Bytes> noncanonical_good() {
  std::vector<Bytes> out;
  for (int k = 2; k <= 18; ++k) {
    out.push_back(p_plus(k));
    out.push_back(with_high_bit(p_plus(k)));
  }
  Bytes nine(32, 0);
  nine[0] = 9;
  out.push_back(with_high_bit(nine));
  return out;
}

/// Small canonical u, of which about half lie on the twist (2, 3 and 5 do, 4 and 9 do not).
inline std::vector<Bytes> small_points() {
  std::vector<Bytes> out;
  for (uint8_t u = 2; u < 40; ++u) {
    Bytes point(32, 0);
    point[0] = u;
    out.push_back(point);
  }
  return out;
}

}  // namespace megaseal::test
