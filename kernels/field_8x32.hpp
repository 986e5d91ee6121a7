// GF(2^255 - 19) in eight 32-bit limbs that are full, for processors that have a 32 x 32 -> 64-bit multiplication with an
// addition and carries, and one number a lane (limbs_5x51.hpp says what a field is).
//
//   mul, sqr, add_mul_small return less than 2^255 + 2^23        ("tight")
//   add, sub take any number and a tight one
//   factors, and what they return, are any number below 2^256
//
// p = 2^255 - 19, so 2^256 is 38 modulo p, and a number has two or three representatives below 2^256 = 2p + 38. freeze()
// takes the one below p.
//
// W::Carries has the sums whose carries go from limb to limb. None is lost, and every sum and difference gets the tight
// number that it asks for: tests/proofs shows both, for all numbers.
#pragma once
#include "kernels/field_ops.hpp"

MEGASEAL_KERNELS_BEGIN

template <class Word>
struct Field8x32 {
  using W = Word;
  using Mask = typename W::Mask;
  using Carries = typename W::Carries;
  static constexpr int num_limbs = 8;

  struct Elem {
    u32 l[8];
  };
  using Prod = Elem;
  using Biased = Elem;
  using Fixed = Elem;

  // ---- Constants and conversions

  static MEGASEAL_INLINE Elem small(u32 c) { return {{c, 0, 0, 0, 0, 0, 0, 0}}; }
  static MEGASEAL_INLINE Elem constant(const u64 (&w)[4]) {
    return {{u32(w[0]), u32(w[0] >> 32), u32(w[1]), u32(w[1] >> 32), u32(w[2]), u32(w[2] >> 32), u32(w[3]),
             u32(w[3] >> 32)}};
  }
  /// From 256 bits, of which the topmost is ignored (RFC 7748 §5); values from p to 2^255 - 1 are taken as they are.
  static MEGASEAL_INLINE Elem from_limbs(const u32 (&limbs)[8]) {
    Elem r;
    MEGASEAL_UNROLL(8)
    for (int i = 0; i < 8; i++) r.l[i] = limbs[i];
    r.l[7] &= 0x7fffffff;
    return r;
  }

  /// The one representative below p, of any number.
  static MEGASEAL_INLINE Elem freeze(const Elem& e) {
    // Bit 255 is worth 19. Post: at most 2^255 + 18.
    Elem a = e;
    const u32 top = a.l[7] >> 31;
    a.l[7] &= 0x7fffffff;
    Carries::add_small(a.l, 19 * top);
    // q = floor((a + 19) / 2^255) is 1 exactly if a >= p; subtracting q p is adding 19 q and dropping bit 255.
    Elem t = a;
    Carries::add_small(t.l, 19);
    Carries::add_small(a.l, 19 * (t.l[7] >> 31));
    a.l[7] &= 0x7fffffff;
    return a;
  }
  static MEGASEAL_INLINE Mask is_zero(const Elem& e) {
    const Elem a = freeze(e);
    return W{a.l[0] | a.l[1] | a.l[2] | a.l[3] | a.l[4] | a.l[5] | a.l[6] | a.l[7]}.is_zero();
  }
  /// mask ? b : a
  static MEGASEAL_INLINE Elem select(Mask mask, const Elem& a, const Elem& b) {
    Elem r;
    MEGASEAL_UNROLL(8)
    for (int i = 0; i < 8; i++) r.l[i] = choose(W{mask.m}, W{b.l[i]}, W{a.l[i]}).v;
    return r;
  }

  // Sums and differences are complete by themselves.
  static MEGASEAL_INLINE Elem norm(const Prod& a) { return a; }
  static MEGASEAL_INLINE Elem norm_deep(const Prod& a) { return a; }
  static MEGASEAL_INLINE Prod centred(const Prod& a) { return a; }
  static MEGASEAL_INLINE Prod widen(const Elem& a) { return a; }
  static MEGASEAL_INLINE Biased biased(const Prod& a) { return a; }
  static MEGASEAL_INLINE Biased mul_biased(const Elem& a, const Elem& b) { return mul(a, b); }
  static MEGASEAL_INLINE Biased sqr_biased(const Elem& a) { return sqr(a); }
  static MEGASEAL_INLINE Prod sub_biased(const Biased& a, const Prod& b) { return sub(a, b); }
  static MEGASEAL_INLINE Prod sub_of_biased(const Prod& a, const Biased& b) { return sub(a, b); }
  static MEGASEAL_INLINE Fixed fixed(const Elem& a) { return a; }
  static MEGASEAL_INLINE Prod mul_fixed(const Fixed& a, const Elem& b) { return mul(a, b); }

  // ---- Sums

  /// Pre: a or b tight. If a + b is 2^256 or more, what is left is below either, and so has room for 38.
  static MEGASEAL_INLINE Prod add(const Prod& a, const Prod& b) {
    Prod r;
    const u32 carry = Carries::template add<8>(r.l, a.l, b.l);
    Carries::add_small(r.l, 38 & (0 - carry));
    return r;
  }
  /// Pre: b tight. If a - b is below 0, what stands there is 2^256 - (b - a), at least 2^256 - b, and so more than 38.
  static MEGASEAL_INLINE Prod sub(const Prod& a, const Prod& b) {
    Prod r;
    const u32 below = Carries::sub(r.l, a.l, b.l);
    Carries::sub_small(r.l, 38 & below);
    return r;
  }

  // ---- Products

  /// 72 wide multiplications. Post: tight.
  ///
  /// Limb i times limb j goes to columns i + j and i + j + 1. Those with i + j even are summed in one array, those with
  /// i + j odd in another, so that the two halves of every product lie in a pair of registers. A pair that a row is the
  /// first to reach holds nothing, or one carry, and so has room for a product and the carry that comes to it: (2^32 -
  /// 1)^2 + 2 < 2^64. A row that reaches no new pair leaves its carry in the next.
  static MEGASEAL_INLINE Prod mul(const Elem& f, const Elem& g) {
    const u32 *const a = f.l, *const b = g.l;
    u32 even[16], odd[16];
    Carries::template row<4>(even, a, b[0]);
    Carries::template row<4>(odd + 1, a + 1, b[0]);
    Carries::template add_row_carry<4>(odd + 1, a, b[1]);
    even[8] = even[9] = 0;
    Carries::template add_row<4>(even + 2, a + 1, b[1]);
    two_rows(even + 2, odd + 3, a, b[2], b[3]);
    two_rows(even + 4, odd + 5, a, b[4], b[5]);
    two_rows(even + 6, odd + 7, a, b[6], b[7]);
    // The upper halves together, without what the lower ones carry: they are part of a sum below 2^512, so that fits.
    u32 high[8];
    (void)Carries::template add<8>(high, even + 8, odd + 8);
    Carries::template add_row_carry<4>(even, high, 38);
    odd[8] = 0;
    Carries::template add_row<4>(odd + 1, high + 1, 38);
    return folded(even, odd);
  }

  /// 44 wide multiplications. Post: tight.
  static MEGASEAL_INLINE Prod sqr(const Elem& f) {
    const u32* const a = f.l;
    u32 even[16], odd[16];
    // Products of two different limbs, each once: columns 1 to 14.
    Carries::template row<4>(odd + 1, a + 1, a[0]);
    Carries::template row<3>(even + 2, a + 2, a[0]);
    Carries::template add_row_carry<3>(odd + 3, a + 2, a[1]);
    even[8] = even[9] = 0;
    Carries::template add_row<3>(even + 4, a + 3, a[1]);
    Carries::template add_row_carry<2>(even + 6, a + 4, a[2]);
    odd[10] = 0;
    Carries::template add_row<3>(odd + 5, a + 3, a[2]);
    Carries::template add_row_carry<2>(odd + 7, a + 4, a[3]);
    even[11] = 0;
    Carries::template add_row<2>(even + 8, a + 5, a[3]);
    Carries::template add_row_carry<1>(even + 10, a + 6, a[4]);
    odd[12] = 0;
    Carries::template add_row<2>(odd + 9, a + 5, a[4]);
    Carries::template add_row_carry<1>(odd + 11, a + 6, a[5]);
    even[13] = 0;
    Carries::template add_row<1>(even + 12, a + 7, a[5]);
    odd[14] = 0;
    Carries::template add_row<1>(odd + 13, a + 7, a[6]);
    odd[14] += Carries::template add<12>(odd + 2, odd + 2, even + 2);
    // Twice that, and the squares: the whole is below 2^512.
    even[0] = 0;
    even[1] = odd[1] << 1;
    MEGASEAL_UNROLL(13)
    for (int i = 2; i < 15; i++) even[i] = Carries::template shl<1>(odd[i - 1], odd[i]);
    even[15] = odd[14] >> 31;
    Carries::add_squares(even, a);
    const u32* const high = even + 8;
    Carries::template row<4>(odd + 1, high + 1, 38);
    Carries::template add_row_carry<4>(even, high, 38);
    return folded(even, odd);
  }

  /// a + K e, 8 wide multiplications. Pre: K below 2^17. Post: tight.
  template <u64 K>
  static MEGASEAL_INLINE Prod add_mul_small(const Prod& a, const Elem& e) {
    static_assert(K < 1 << 17);
    u32 even[9], odd[9];
    MEGASEAL_UNROLL(8)
    for (int i = 0; i < 8; i++) even[i] = a.l[i];
    Carries::template add_row_carry<4>(even, e.l, u32(K));
    Carries::template row<4>(odd + 1, e.l + 1, u32(K));
    return folded(even, odd);
  }

 private:
  /// Rows 2 k and 2 k + 1 of a product; both arrays from the first pair that they reach on.
  static MEGASEAL_INLINE void two_rows(u32* even, u32* odd, const u32* a, u32 b0, u32 b1) {
    Carries::template add_row_carry<4>(even, a, b0);
    odd[7] = 0;
    Carries::template add_row<4>(odd, a + 1, b0);
    Carries::template add_row_carry<4>(odd, a, b1);
    even[9] = 0;
    Carries::template add_row<4>(even + 2, a + 1, b1);
  }

  /// The sum of columns 0 to 8 of `even` and 1 to 8 of `odd`, modulo p. Pre: below 2^256 (2^17 + 2). Bits 255 and above
  /// are q < 2^18 + 4 and are worth 19 q < 2^23. Post: tight.
  static MEGASEAL_INLINE Prod folded(const u32* even, const u32* odd) {
    Prod r;
    r.l[0] = even[0];
    const u32 carry = Carries::template add<7>(r.l + 1, even + 1, odd + 1);
    const u32 q = Carries::template shl<1>(r.l[7], even[8] + odd[8] + carry);
    r.l[7] &= 0x7fffffff;
    Carries::add_small(r.l, 19 * q);
    return r;
  }
};

MEGASEAL_KERNELS_END
