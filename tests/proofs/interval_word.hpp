// A word that stands for every value between two bounds. Kernels compiled over it do no cryptography: they prove
// that no exact operation (+, -, shl, times, products, and sums of products) can wrap, whatever the secrets and
// messages. The kernels cannot tell: they have no branch on data that could end the run early.
//
// Operations that wrap on purpose carry other names (wrap_add, shl_bits) and give the full interval where they may.
#pragma once
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "kernels/base.hpp"
#include "kernels/table_use.hpp"

MEGASEAL_KERNELS_BEGIN

using u128 = unsigned __int128;

/// What could not be shown. A proof passes when this stays empty.
struct Ledger {
  std::vector<std::string> failures;
  long checks = 0;
  static Ledger& get() {
    static Ledger ledger;
    return ledger;
  }
  void need(bool holds, const char* what) {
    checks++;
    if (!holds && failures.size() < 20) failures.push_back(what);
  }
};
inline void need(bool holds, const char* what) { Ledger::get().need(holds, what); }

/// What is reported of a bound that a kernel states and does not get.
inline constexpr const char* stated_bound = "limbs below the bound that is stated";

/// The largest number with as many bits as x.
inline u64 all_ones(u64 x) { return x == 0 ? 0 : ~u64(0) >> __builtin_clzll(x); }

/// Memory that may hold intervals: where a kernel writes a table and reads it again.
struct Memory {
  struct Interval {
    u64 lo, hi;
  };
  const u64 *begin = nullptr, *end = nullptr;
  std::map<const u64*, Interval> written;
  static Memory& get() {
    static Memory memory;
    return memory;
  }
  void watch(const u64* first, size_t num) {
    begin = first, end = first + num;
    written.clear();
  }
  bool watches(const u64* p) const { return p >= begin && p < end; }
  Interval read(const u64* p) const {
    const auto found = written.find(p);
    need(found != written.end(), "only what was written is read");
    return found == written.end() ? Interval{0, ~u64(0)} : found->second;
  }
};

/// Lanes stand for one another: one interval holds what any of them may be, however many a kernel takes them for. Kernels
/// choose among ways by the number of registers, and each of them is to be proved.
template <int LANES, int REGISTERS = 32>
struct IntervalLanes {
  static constexpr int lanes = LANES;
  static constexpr int registers = REGISTERS;
  /// Set or clear: both are followed.
  struct Mask {
    friend Mask operator&(Mask, Mask) { return {}; }
    friend Mask operator|(Mask, Mask) { return {}; }
    friend Mask operator~(Mask) { return {}; }
  };
  u64 lo, hi;

  static IntervalLanes splat(u64 x) { return {x, x}; }
  template <int OTHERS>
  static IntervalLanes splat(IntervalLanes<OTHERS, REGISTERS> x) {
    return {x.lo, x.hi};
  }
  static IntervalLanes zero() { return {0, 0}; }
  static IntervalLanes any() { return {0, ~u64(0)}; }

  friend IntervalLanes operator+(IntervalLanes a, IntervalLanes b) {
    need(a.hi <= ~u64(0) - b.hi, "a + b < 2^64");
    return {a.lo + b.lo, a.hi + b.hi};
  }
  friend IntervalLanes operator-(IntervalLanes a, IntervalLanes b) {
    need(a.lo >= b.hi, "a - b >= 0");
    return {a.lo - b.hi, a.hi - b.lo};
  }
  friend IntervalLanes operator&(IntervalLanes a, IntervalLanes b) {
    if (a.lo == a.hi && b.lo == b.hi) return splat(a.lo & b.lo);
    // A mask of low ones changes nothing that lies below it.
    if (b.lo == b.hi && b.hi == all_ones(b.hi) && a.hi <= b.hi) return a;
    return {0, a.hi < b.hi ? a.hi : b.hi};
  }
  friend IntervalLanes operator*(IntervalLanes a, IntervalLanes b) {
    need(u128(a.hi) * b.hi >> 64 == 0, "a * b < 2^64");
    return {a.lo * b.lo, a.hi * b.hi};
  }
  friend IntervalLanes operator|(IntervalLanes a, IntervalLanes b) {
    return {a.lo > b.lo ? a.lo : b.lo, all_ones(a.hi | b.hi)};
  }
  friend IntervalLanes operator^(IntervalLanes a, IntervalLanes b) { return {0, all_ones(a.hi | b.hi)}; }
  /// What a kernel says that it rests on (kernels/base.hpp).
  friend void expect_below(const IntervalLanes& x, u64 end) { need(x.hi < end, stated_bound); }
  friend IntervalLanes wrap_add(IntervalLanes, IntervalLanes) { return any(); }
  friend IntervalLanes wrap_sub(IntervalLanes, IntervalLanes) { return any(); }
  template <int K>
  IntervalLanes shr() const {
    return {lo >> K, hi >> K};
  }
  template <int K>
  IntervalLanes shl() const {
    need(hi >> (64 - K) == 0, "a << k < 2^64");
    return {lo << K, hi << K};
  }
  /// A shift that lets bits leave at the top on purpose.
  template <int K>
  IntervalLanes shl_drop() const {
    return shl_bits(K);
  }
  IntervalLanes shr_bits(int k) const { return {lo >> k, hi >> k}; }
  IntervalLanes shl_bits(int k) const {
    if (k == 0 || hi >> (64 - k) == 0) return {lo << k, hi << k};
    return {0, ~u64(0) << k};
  }
  template <u64 K>
  IntervalLanes times() const {
    need(u128(hi) * K >> 64 == 0, "a * k < 2^64");
    return {lo * K, hi * K};
  }

  static IntervalLanes load_lanes(const u8*, size_t) { return any(); }
  void store_lanes(u8*, size_t) const {}

  // ---- What a vector's 64-bit word has ----

  /// Numbers in memory are public here (lengths, positions, masks of lanes): points, but for those of watched memory.
  static IntervalLanes load_one(const u64* p) {
    if (!Memory::get().watches(p)) return splat(*p);
    const auto interval = Memory::get().read(p);
    return {interval.lo, interval.hi};
  }
  static IntervalLanes load(const u64* p) {
    IntervalLanes r = load_one(p);
    for (int l = 1; l < LANES; l++) r = select(Mask{}, r, load_one(p + l));
    return r;
  }
  void store(u64* p) const {
    for (int l = 0; l < LANES; l++) {
      if (Memory::get().watches(p + l)) {
        Memory::get().written[p + l] = {lo, hi};
        continue;
      }
      need(lo == hi, "only known numbers are stored");
      p[l] = lo;
    }
  }
  static void transpose(IntervalLanes (&x)[LANES]) {
    IntervalLanes any_of_them = x[0];
    for (const IntervalLanes& w : x) any_of_them = select(Mask{}, any_of_them, w);
    for (IntervalLanes& w : x) w = any_of_them;
  }
  friend void pin(IntervalLanes&) {}
  friend void in_memory(IntervalLanes&) {}
  /// Messages and keys may be anything.
  struct Row {};
  static Row row(const u8*) { return {}; }
  static Row row_part(const u8*, unsigned, unsigned) { return {}; }
  static void from_rows(IntervalLanes (&q)[8], const Row (&)[LANES]) {
    for (auto& w : q) w = any();
  }
  static void load_keys(IntervalLanes (&q)[4], const u8* const*) {
    for (auto& w : q) w = any();
  }
  static void store_pairs(u8* const*, IntervalLanes, IntervalLanes) {}
  static constexpr int block_of_lane(int) { return 0; }
  static void load_blocks(IntervalLanes& l, IntervalLanes& h, const u8*) { l = h = any(); }
  static IntervalLanes first_lane(IntervalLanes<1, REGISTERS> x) { return {LANES == 1 ? x.lo : 0, x.hi}; }
  IntervalLanes<1, REGISTERS> sum() const {
    need(hi <= ~u64(0) / LANES, "sum of lanes < 2^64");
    return {lo * LANES, hi * LANES};
  }
  // Beside words kernels take integers, which they write so. Bits that leave at the top do so on purpose.
  friend IntervalLanes operator>>(IntervalLanes a, int k) { return a.shr_bits(k); }
  friend IntervalLanes operator<<(IntervalLanes a, int k) { return a.shl_bits(k); }
  friend IntervalLanes operator&(IntervalLanes a, u64 mask) { return a & splat(mask); }
  friend IntervalLanes operator*(u64 k, IntervalLanes a) { return a * splat(k); }
  IntervalLanes& operator+=(IntervalLanes b) { return *this = *this + b; }
  IntervalLanes& operator&=(u64 mask) { return *this = *this & mask; }
  /// x or 0: both are followed.
  friend IntervalLanes if_less(IntervalLanes, IntervalLanes, IntervalLanes x) { return {0, x.hi}; }
  friend IntervalLanes if_at_least(IntervalLanes, IntervalLanes, IntervalLanes x) { return {0, x.hi}; }
  friend IntervalLanes if_equal(IntervalLanes, IntervalLanes, IntervalLanes x) { return {0, x.hi}; }
  /// Products of the low 32 bits, which must be all there is.
  friend IntervalLanes mul_low32(IntervalLanes a, IntervalLanes b) {
    need(a.hi >> 32 == 0 && b.hi >> 32 == 0, "factors < 2^32");
    return {a.lo * b.lo, a.hi * b.hi};
  }
  /// Multiply-add of 52 bits: the factors must have no more, and the sum must fit 64.
  friend IntervalLanes madd52_low(IntervalLanes c, IntervalLanes a, IntervalLanes b) {
    need(a.hi >> 52 == 0 && b.hi >> 52 == 0, "factors < 2^52");
    const u128 p = u128(a.hi) * b.hi;
    const u64 most = (u64(1) << 52) - 1;
    return c + IntervalLanes{0, p > most ? most : u64(p)};
  }
  friend IntervalLanes madd52_high(IntervalLanes c, IntervalLanes a, IntervalLanes b) {
    need(a.hi >> 52 == 0 && b.hi >> 52 == 0, "factors < 2^52");
    return c + IntervalLanes{u64(u128(a.lo) * b.lo >> 52), u64(u128(a.hi) * b.hi >> 52)};
  }

  // What goes from lane to lane may be either's.
  IntervalLanes first() const { return *this; }
  template <int K>
  IntervalLanes swap_lanes() const {
    return *this;
  }
  IntervalLanes even_lanes() const { return *this; }
  IntervalLanes odd_lanes() const { return *this; }
  template <int OTHERS>
  IntervalLanes take_lanes(IntervalLanes b) const {
    return select(Mask{}, *this, b);
  }

  template <int K>
  Mask bit() const {
    return {};
  }
  Mask is_zero() const { return {}; }
  friend IntervalLanes select(Mask, IntervalLanes a, IntervalLanes b) {
    return {a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
  }
  /// Kernels have more to do where the answer is yes.
  static u32 reveal(Mask) { return ~u32(0); }

  template <int N>
  struct Selector {};
  template <int N>
  static Selector<N> selector(IntervalLanes index) {
    need(index.hi < N, "table index < number of entries");
    return {};
  }
  template <int N, int STRIDE = 8>
  static IntervalLanes lookup(const u64* table, const Selector<N>&) {
    IntervalLanes r = load_one(table);
    for (int i = 1; i < N; i++) r = select(Mask{}, r, load_one(table + i / 8 * STRIDE + i % 8));
    return r;
  }
  template <int NUM, int USERS>
  static void lookup_apart(IntervalLanes (&out)[NUM], const TableUse<USERS>& use, size_t at,
                           IntervalLanes index) {
    need(index.hi < 16, "table index < number of entries");
    for (int n = 0; n < NUM; n++) {
      out[n] = load_one(use.table[0] + at + 8 * n);
      for (int t = 0; t < use.num; t++)
        for (int i = 0; i < 16; i++)
          out[n] = select(Mask{}, out[n], load_one(use.table[t] + at + i / 8 * 8 * NUM + 8 * n + i % 8));
    }
  }
};
using IntervalWord = IntervalLanes<1>;

/// A sum of products, below 2^128.
struct IntervalWide {
  u128 lo, hi;
  friend IntervalWide operator+(IntervalWide a, IntervalWide b) {
    need(a.hi <= ~u128(0) - b.hi, "sum of products < 2^128");
    return {a.lo + b.lo, a.hi + b.hi};
  }
  friend IntervalWide operator+(IntervalWide a, IntervalWord b) { return a + IntervalWide{b.lo, b.hi}; }
  template <int K>
  IntervalWord shr() const {
    need(hi >> K >> 64 == 0, "(a >> k) < 2^64");
    return {u64(lo >> K), u64(hi >> K)};
  }
  IntervalWord low() const { return hi >> 64 ? IntervalWord::any() : IntervalWord{u64(lo), u64(hi)}; }
  IntervalWord high() const { return {u64(lo >> 64), u64(hi >> 64)}; }
};
/// Sums over several limbs: the carries are followed by their intervals, and the highest limb must be exact.
inline IntervalWord add_with_carry(IntervalWord x, IntervalWord a, u64& lo_carry, u64& hi_carry) {
  const u128 lo = u128(x.lo) + a.lo + lo_carry, hi = u128(x.hi) + a.hi + hi_carry;
  lo_carry = u64(lo >> 64);
  hi_carry = u64(hi >> 64);
  return lo_carry == hi_carry ? IntervalWord{u64(lo), u64(hi)} : IntervalWord::any();
}
inline void add2(IntervalWord& x0, IntervalWord& x1, IntervalWord a0, IntervalWord a1) {
  u64 lo = 0, hi = 0;
  x0 = add_with_carry(x0, a0, lo, hi);
  x1 = add_with_carry(x1, a1, lo, hi);
  need(hi == 0, "two-limb sum < 2^128");
}
inline void add3(IntervalWord& x0, IntervalWord& x1, IntervalWord& x2, IntervalWord a0, IntervalWord a1,
                 IntervalWord a2) {
  u64 lo = 0, hi = 0;
  x0 = add_with_carry(x0, a0, lo, hi);
  x1 = add_with_carry(x1, a1, lo, hi);
  x2 = add_with_carry(x2, a2, lo, hi);
  need(hi == 0, "three-limb sum < 2^192");
}
inline IntervalWide mul_wide(IntervalWord a, IntervalWord b) {
  return {u128(a.lo) * b.lo, u128(a.hi) * b.hi};
}
inline void mul_halves(IntervalWord& low, IntervalWord& high, IntervalWord a, IntervalWord b) {
  const IntervalWide p = mul_wide(a, b);
  low = p.low(), high = p.high();
}
inline IntervalWide mul_add(IntervalWide c, IntervalWord a, IntervalWord b) { return c + mul_wide(a, b); }

MEGASEAL_KERNELS_END
