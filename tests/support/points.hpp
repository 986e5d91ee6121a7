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

/// B + T and R + T for a random R of prime order and every T != 0 with 8 T = 0: on the curve, not of low order, and not
/// what a clamped scalar makes. (Computed with affine formulas for y^2 = x^3 + 486662 x^2 + x.)
inline std::vector<Bytes> with_torsion() {
  return {
      from_hex("bb72312170e8156f7a836313f85bee9b1fdce926ba9804a29e8d137ec67f2533"),
      from_hex("bdaa2fc8fee1947ef8edb214ae95f0bbe2485d23b9a0c7ad34ab7ce2eecdae1e"),
      from_hex("34fc6cb7c8de58977770d95216ccdc6c8590becd919c07599414563b4ba4470f"),
      from_hex("12c7711cc7711cc7711cc7711cc7711cc7711cc7711cc7711cc7711cc7711c47"),
      from_hex("34da75aaa36589a450f3909138b0e8f74d2bc9b6ece81aeca9e9920ace660f1e"),
      from_hex("9082d437011e6b8107124deb516a0f441db7a2dc465f3852cb54831d11325121"),
      from_hex("d8861aa2787ad9268b7474b682e3bec3ce369a1e5e3147a26d377cfd20b5df75"),
      from_hex("f9b007c2b888c807face6c6de675d3452da21575b01cdc0c009dfd67b052a313"),
      from_hex("a41b74bfb28c46a743b4d6f04f39b77081af2597693c163efda076267e2ae023"),
      from_hex("cd94f41adfb07742cc93b31ecc1f33900ea84a8cb26b68488caf497d311cc461"),
      from_hex("65d0fadf819df0f072d689a6d68cfcf8831d4dfc9a435289d09e4f6f233a010a"),
      from_hex("4a79f7cd371f14743a680a08c4d20b7bce87164fd833646f8cb34f3c75aafb53"),
      from_hex("13e5bd80ae15842f451d37b283fd493485e47765797aaf4518a3010d3d044962"),
      from_hex("a781075c07fa252a205cbbed242655cf127a325c57c8001bba5d49474aac8f35"),
  };
}

}  // namespace megaseal::test
