// How many divsteps bring g to 0 (kernels/safegcd.hpp), by convex hulls: the computation of github.com/sipa/safegcd-bounds
// (P. Wuille; D. J. Bernstein and B.-Y. Yang's is in TCHES 2019(3)), whose 590 for all f below 2^256 it gives too.
//
// A step is one of three linear maps of (f, g), which one depends on the sign of delta and on the parity of g. Of parities
// nothing is assumed. So for each delta all (f, g) that can be reached lie in a convex polygon: the hull of what maps make
// of the polygons before. At first it is the triangle 0 <= g <= f <= M. A polygon whose g are all below 1 in size is done:
// g is an integer, so it is 0, and stays. When all are done, the steps are enough.
//
// Corners are exact: n steps divide by at most 2^n, so f and g are kept times 2^n, and M = 1, as integers of 640 bits.
// Doubles decide which way three corners turn where their own error leaves no doubt; else integers do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#define MEGASEAL_ISA proof
#include "kernels/safegcd.hpp"

namespace megaseal::proof {
namespace {

using u128 = unsigned __int128;

/// Two's complement. Numbers of n steps take `used` words; above them all are the sign.
struct Long {
  static constexpr int words = 10;
  static inline int used = words;
  u64 w[words] = {};

  static Long power(int bit) {
    Long r;
    r.w[bit / 64] = u64(1) << (bit % 64);
    return r;
  }
  bool is_negative() const { return w[used - 1] >> 63; }
  friend Long operator+(const Long& a, const Long& b) {
    Long r;
    u128 c = 0;
    for (int i = 0; i < used; i++) c += u128(a.w[i]) + b.w[i], r.w[i] = u64(c), c >>= 64;
    return r;
  }
  friend Long operator-(const Long& a, const Long& b) {
    Long r;
    u64 borrow = 0;
    for (int i = 0; i < used; i++) {
      const u128 d = u128(a.w[i]) - b.w[i] - borrow;
      r.w[i] = u64(d), borrow = u64(d >> 64) & 1;
    }
    return r;
  }
  friend bool operator==(const Long& a, const Long& b) { return std::equal(a.w, a.w + used, b.w); }
  friend bool operator<(const Long& a, const Long& b) {
    if (a.is_negative() != b.is_negative()) return a.is_negative();
    for (int i = used - 1; i >= 0; i--)
      if (a.w[i] != b.w[i]) return a.w[i] < b.w[i];
    return false;
  }
  Long size() const { return is_negative() ? Long{} - *this : *this; }
  int sign() const {
    if (is_negative()) return -1;
    return std::any_of(w, w + used, [](u64 x) { return x != 0; });
  }
  /// Another word, when numbers have grown into the highest.
  void extend() { w[used] = is_negative() ? ~u64(0) : 0; }
  /// times 2^-n
  double approximately(int n) const {
    const Long a = size();
    int top = used - 1;
    while (top > 0 && a.w[top] == 0) top--;
    double x = double(a.w[top]);
    if (top > 0) x += std::ldexp(double(a.w[top - 1]), -64);
    x = std::ldexp(x, 64 * top - n);
    return is_negative() ? -x : x;
  }
};
/// Of numbers that are not negative: a b < c d is -1.
struct Product {
  u64 w[2 * Long::words] = {};
  Product(const Long& a, const Long& b) {
    for (int i = 0; i < Long::used; i++) {
      u64 carry = 0;
      for (int k = 0; k < Long::used; k++) {
        const u128 t = u128(a.w[i]) * b.w[k] + w[i + k] + carry;
        w[i + k] = u64(t), carry = u64(t >> 64);
      }
      w[i + Long::used] = carry;
    }
  }
  int compare(const Product& other) const {
    for (int i = 2 * Long::used - 1; i >= 0; i--)
      if (w[i] != other.w[i]) return w[i] < other.w[i] ? -1 : 1;
    return 0;
  }
};

struct Corner {
  Long f, g;
  double near_f, near_g;  // within 2^-51 of themselves

  Corner(const Long& of_f, const Long& of_g, int n)
      : f(of_f), g(of_g), near_f(of_f.approximately(n)), near_g(of_g.approximately(n)) {}
  friend bool operator==(const Corner& a, const Corner& b) { return a.f == b.f && a.g == b.g; }
  friend bool operator<(const Corner& a, const Corner& b) {
    const double less = a.near_f - b.near_f;
    if (std::abs(less) > 0x1p-49 * (std::abs(a.near_f) + std::abs(b.near_f))) return less < 0;
    return a.f == b.f ? a.g < b.g : a.f < b.f;
  }
};

/// Positive where o, a, b turn left.
int turn(const Corner& o, const Corner& a, const Corner& b) {
  using std::abs;
  const double left = (a.near_f - o.near_f) * (b.near_g - o.near_g),
               right = (a.near_g - o.near_g) * (b.near_f - o.near_f);
  // Differences are off by 2^-51 of both terms' sizes and a rounding, products by both factors' and a rounding.
  const double af = abs(a.near_f) + abs(o.near_f), ag = abs(a.near_g) + abs(o.near_g),
               bf = abs(b.near_f) + abs(o.near_f), bg = abs(b.near_g) + abs(o.near_g);
  // The last term is for products below what doubles hold.
  if (abs(left - right) > 0x1p-48 * (af * bg + ag * bf) + 0x1p-960) return left > right ? 1 : -1;
  const Long xa = a.f - o.f, ya = a.g - o.g, xb = b.f - o.f, yb = b.g - o.g;
  const int s = xa.sign() * yb.sign(), t = ya.sign() * xb.sign();
  if (s != t || s == 0) return s - t;
  return s * Product(xa.size(), yb.size()).compare(Product(ya.size(), xb.size()));
}

using Polygon = std::vector<Corner>;
/// Left and right chains (A. M. Andrew, 1979).
Polygon convex(const Polygon& corners) {
  std::vector<const Corner*> all, hull;
  for (const Corner& c : corners) all.push_back(&c);
  std::sort(all.begin(), all.end(), [](const Corner* a, const Corner* b) { return *a < *b; });
  for (int chain = 0; chain < 2; chain++) {
    const size_t begin = hull.size();
    for (const Corner* const c : all) {
      while (hull.size() >= begin + 2 && turn(*hull[hull.size() - 2], *hull.back(), *c) <= 0) hull.pop_back();
      if (hull.size() == begin || !(*hull.back() == *c)) hull.push_back(c);
    }
    if (hull.size() > begin + 1) hull.pop_back();  // the other chain begins with it
    std::reverse(all.begin(), all.end());
  }
  Polygon out;
  out.reserve(hull.size());
  for (const Corner* const c : hull) out.push_back(*c);
  return out;
}

/// Steps until g is 0, if f and g are at most M = 2^bits - less. `first` is delta - 1/2 at first: 0 in safegcd.hpp.
int steps_enough(int bits, u64 less, int first = 0) {
  Long::used = 1;
  std::map<int, Polygon> reached;
  const Long one = Long::power(0), none;
  reached.emplace(first, Polygon{{none, none, 0}, {one, none, 0}, {one, one, 0}});
  int n = 0;
  while (!reached.empty()) {
    if (++n > 620) return n;
    // Sums below reach 2^(n+1) in size.
    if (n + 2 >= 64 * Long::used) {
      for (auto& [delta, polygon] : reached)
        for (Corner& c : polygon) c.f.extend(), c.g.extend();
      Long::used++;
    }
    std::map<int, Polygon> next;
    for (const auto& [delta, polygon] : reached) {
      Polygon &even = next[delta + 1], &odd = next[delta >= 0 ? -delta : delta + 1];
      even.reserve(even.size() + 2 * polygon.size());
      odd.reserve(odd.size() + 2 * polygon.size());
      for (const Corner& c : polygon) {
        even.emplace_back(c.f + c.f, c.g, n);
        if (delta >= 0)
          odd.emplace_back(c.g + c.g, c.g - c.f, n);
        else
          odd.emplace_back(c.f + c.f, c.g + c.f, n);
      }
    }
    reached.clear();
    for (auto& [delta, corners] : next) {
      // A delta above 0 comes from one polygon by one linear map.
      Polygon polygon = delta > 0 ? std::move(corners) : convex(corners);
      // |g| M < 2^n, of which |g| <= 2^(n - bits) is as good as all, and sound: M is below 2^bits if `less` is not 0.
      const bool is_done = std::all_of(polygon.begin(), polygon.end(), [&](const Corner& c) {
        if (n < bits) return c.g.sign() == 0;
        const Long limit = Long::power(n - bits), size = c.g.size();
        return size < limit || (size == limit && less != 0);
      });
      if (!is_done) reached.emplace(delta, std::move(polygon));
    }
  }
  return n;
}

TEST(Divsteps, EnoughForThePrime) {
  const int steps = steps_enough(255, 19);
  EXPECT_EQ(steps, 588);  // not one fewer
  EXPECT_LE(steps, 59 * Safegcd25519<>::rounds);
}
// Negative control, for numbers that take less time: a delta that begins wrongly takes more steps.
TEST(Divsteps, WrongStartsAreReported) {
  const int right = steps_enough(64, 0);
  EXPECT_LT(right, 160);
  EXPECT_GT(steps_enough(64, 0, 1), right);
  EXPECT_GT(steps_enough(64, 0, -8), right);
}

}  // namespace
}  // namespace megaseal::proof
