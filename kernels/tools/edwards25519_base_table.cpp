// Computes the comb table of the edwards25519 base point and prints it as a header.
//
//   edwards25519_base_table BITS > edwards25519_base_wBITS.hpp
//
// Row w, entry j is the affine point (2j + 1) 2^(BITS w) Q with Q = 8B, B the base point (RFC 8032 §5.1), as
// the canonical values of y + x, y - x and 2 d x y, four little-endian 64-bit words each: every field packs
// them into its own limbs at compile time. There are ceil(254 / BITS) rows of 2^(BITS - 1) entries.
//
// It runs at build time on public numbers, so it is written to be checked by reading: 256-bit arithmetic mod
// p, the complete addition formula, an inversion for every entry. Nothing is shared with the kernels it
// serves.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

using u64 = uint64_t;
using u128 = unsigned __int128;

/// An integer below 2^256; `Fp` functions keep it below p.
struct U256 {
  u64 w[4];
};
const U256 p = {{0xffffffffffffffed, ~u64(0), ~u64(0), 0x7fffffffffffffff}};

bool less(const U256& a, const U256& b) {
  for (int i = 3; i >= 0; i--)
    if (a.w[i] != b.w[i]) return a.w[i] < b.w[i];
  return false;
}

/// a - b mod 2^256
U256 minus(const U256& a, const U256& b) {
  U256 r;
  u128 borrow = 0;
  for (int i = 0; i < 4; i++) {
    const u128 t = u128(a.w[i]) - b.w[i] - borrow;
    r.w[i] = u64(t);
    borrow = (t >> 64) & 1;
  }
  return r;
}

/// a + b, which is below 2^256 for a, b < p
U256 plus(const U256& a, const U256& b) {
  U256 r;
  u128 carry = 0;
  for (int i = 0; i < 4; i++) {
    carry += u128(a.w[i]) + b.w[i];
    r.w[i] = u64(carry);
    carry >>= 64;
  }
  return r;
}

U256 reduce(U256 a) {
  while (!less(a, p)) a = minus(a, p);
  return a;
}

U256 small(u64 c) { return {{c, 0, 0, 0}}; }
U256 add(const U256& a, const U256& b) { return reduce(plus(a, b)); }
U256 sub(const U256& a, const U256& b) { return reduce(plus(a, minus(p, b))); }

U256 mul(const U256& a, const U256& b) {
  u64 t[8] = {};
  for (int i = 0; i < 4; i++) {
    u128 carry = 0;
    for (int j = 0; j < 4; j++) {
      carry += u128(a.w[i]) * b.w[j] + t[i + j];
      t[i + j] = u64(carry);
      carry >>= 64;
    }
    t[i + 4] = u64(carry);
  }
  // 2^256 = 38 mod p: fold the upper half, then what the fold carried out.
  U256 r;
  u128 carry = 0;
  for (int i = 0; i < 4; i++) {
    carry += u128(t[i + 4]) * 38 + t[i];
    r.w[i] = u64(carry);
    carry >>= 64;
  }
  while (carry) {
    carry *= 38;
    for (int i = 0; i < 4; i++) {
      carry += r.w[i];
      r.w[i] = u64(carry);
      carry >>= 64;
    }
  }
  return reduce(r);
}

U256 power(const U256& a, const U256& e) {
  U256 r = small(1);
  for (int i = 255; i >= 0; i--) {
    r = mul(r, r);
    if (e.w[i / 64] >> (i % 64) & 1) r = mul(r, a);
  }
  return r;
}
U256 invert(const U256& a) { return power(a, minus(p, small(2))); }

U256 half(const U256& a) {
  U256 r;
  for (int i = 0; i < 4; i++) r.w[i] = a.w[i] >> 1 | (i < 3 ? a.w[i + 1] << 63 : 0);
  return r;
}
bool equal(const U256& a, const U256& b) { return !less(a, b) && !less(b, a); }

/// A square root, by RFC 8032 §5.1.3: a^((p+3)/8), times sqrt(-1) = 2^((p-1)/4) where that is the root of -a.
U256 root(const U256& a) {
  const U256 r = power(a, half(half(half(plus(p, small(3))))));
  if (equal(mul(r, r), a)) return r;
  return mul(r, power(small(2), half(half(minus(p, small(1))))));
}

/// Affine points of -x^2 + y^2 = 1 + d x^2 y^2; the formula is complete (RFC 8032 §5.1.4 has its projective
/// form).
struct Point {
  U256 x, y;
};
Point sum(const Point& a, const Point& b, const U256& d) {
  const U256 k = mul(d, mul(mul(a.x, b.x), mul(a.y, b.y)));
  const U256 x = add(mul(a.x, b.y), mul(a.y, b.x)), y = add(mul(a.y, b.y), mul(a.x, b.x));
  return {mul(x, invert(add(small(1), k))), mul(y, invert(sub(small(1), k)))};
}

void print(const U256& a, const char* end) {
  std::printf("{0x%016llx, 0x%016llx, 0x%016llx, 0x%016llx}%s", (unsigned long long)a.w[0],
              (unsigned long long)a.w[1], (unsigned long long)a.w[2], (unsigned long long)a.w[3], end);
}

}  // namespace

int main(int argc, char** argv) {
  const int bits = argc == 2 ? std::atoi(argv[1]) : 0;
  if (bits < 2 || bits > 8) {
    std::fprintf(stderr, "usage: %s BITS (2 to 8)\n", argv[0]);
    return 2;
  }
  const int rows = (254 + bits - 1) / bits, entries = 1 << (bits - 1);

  // d = -121665/121666; B has y = 4/5 and the even x (RFC 8032 §5.1).
  const U256 d = mul(sub(small(0), small(121665)), invert(small(121666)));
  Point q;
  q.y = mul(small(4), invert(small(5)));
  const U256 yy = mul(q.y, q.y);
  q.x = root(mul(sub(yy, small(1)), invert(add(mul(d, yy), small(1)))));
  if (q.x.w[0] & 1) q.x = sub(small(0), q.x);
  for (int i = 0; i < 3; i++) q = sum(q, q, d);

  std::printf("// Written by kernels/tools/edwards25519_base_table.cpp, which says what it holds.\n");
  std::printf("#pragma once\n#include \"kernels/base.hpp\"\n\nMEGASEAL_KERNELS_BEGIN\n\n");
  std::printf("constexpr u64 edwards25519_base_w%d[%d][%d][3][4] = {\n", bits, rows, entries);
  for (int row = 0; row < rows; row++) {
    std::printf("{");
    const Point twice = sum(q, q, d);
    Point odd = q;
    for (int j = 0; j < entries; j++) {
      std::printf("{");
      print(add(odd.y, odd.x), ", ");
      print(sub(odd.y, odd.x), ", ");
      print(mul(add(d, d), mul(odd.x, odd.y)), j + 1 < entries ? "},\n" : "}");
      odd = sum(odd, twice, d);
    }
    std::printf("},\n");
    q = twice;
    for (int i = 1; i < bits; i++) q = sum(q, q, d);
  }
  std::printf("};\n\nMEGASEAL_KERNELS_END\n");
  return std::ferror(stdout) ? 1 : 0;
}
