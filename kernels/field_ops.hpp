// What is the same for every field GF(2^255 - 19), whatever its limbs: selection limb by limb, powers, and
// division of a whole tile with one inversion. F is a field type such as Field5x51 (field_5x51.hpp says what
// one offers).
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

/// mask ? b : a, limb by limb. A free function, because inside a field `select` names the field's own.
template <class W, class Mask, int N>
MEGASEAL_INLINE void select_limbs(W (&r)[N], Mask mask, const W (&a)[N], const W (&b)[N]) {
#pragma GCC unroll 10
  for (int i = 0; i < N; i++) r[i] = select(mask, a[i], b[i]);
}

template <class F>
struct FieldOps {
  using Elem = typename F::Elem;

  static MEGASEAL_INLINE Elem mul(const Elem& a, const Elem& b) { return F::norm(F::mul_biased(a, b)); }
  static MEGASEAL_INLINE Elem sqr(const Elem& a) { return F::norm(F::sqr_biased(a)); }

  /// a^(2^n), n > 0
  static MEGASEAL_NOINLINE Elem sqr_times(Elem a, int n) {
    do a = sqr(a);
    while (--n);
    return a;
  }

  /// z^(p-2) = 1/z, and 0 for 0. The usual chain: 254 squarings and 11 multiplications by way of z^(2^250 -
  /// 1); p - 2 = 2^255 - 21 = (2^250 - 1) 2^5 + 11.
  static MEGASEAL_NOINLINE Elem invert(const Elem& z) {
    Elem z11;
    const Elem z250 = pow_2_250_1(z, z11);
    return mul(sqr_times(z250, 5), z11);
  }

  /// z^((p-5)/8), (p-5)/8 = 2^252 - 3 = (2^250 - 1) 2^2 + 1
  static MEGASEAL_NOINLINE Elem power_p58(const Elem& z) {
    Elem z11;
    return mul(sqr_times(pow_2_250_1(z, z11), 2), z);
  }

  /// e[i] <- 1 / e[i] for i < n, none of them 0, by one inversion (Montgomery's trick): the running products e_0 … e_i
  /// are inverted at the end and unwound. Three multiplications an item. scratch has n elements, and holds secrets
  /// afterwards. The one inversion is the field's own, F::invert, where it has one, and else the power above.
  static MEGASEAL_NOINLINE void invert_all(Elem* e, Elem* scratch, int n) {
    for (int i = 0; i < n; i++) scratch[i] = i ? mul(scratch[i - 1], e[i]) : e[i];
    Elem inverse;  // of e_0 … e_i, going down
    if constexpr (requires { F::invert(scratch[n - 1]); })
      inverse = F::invert(scratch[n - 1]);
    else
      inverse = invert(scratch[n - 1]);
    for (int i = n - 1; i > 0; i--) {
      const Elem one = mul(inverse, scratch[i - 1]);
      inverse = mul(inverse, e[i]);
      e[i] = one;
    }
    e[0] = inverse;
  }

  /// num[i] <- num[i] / den[i] for i < n, with 0 where den[i] is 0. den and scratch (n elements each) are overwritten
  /// and hold secrets afterwards.
  ///
  /// A zero would make every later product zero: one hostile public key would spoil its neighbours. So a zero
  /// denominator becomes 0/1, by selection, before it is multiplied in.
  static MEGASEAL_NOINLINE void divide(Elem* num, Elem* den, Elem* scratch, int n) {
    for (int i = 0; i < n; i++) {
      const auto zero = F::is_zero(den[i]);
      den[i] = F::select(zero, den[i], F::small(1));
      num[i] = F::select(zero, num[i], F::small(0));
    }
    invert_all(den, scratch, n);
    for (int i = 0; i < n; i++) num[i] = mul(num[i], den[i]);
  }

 private:
  /// z^(2^250 - 1), and z^11 beside it. Names give the exponent: a_n = z^(2^n - 1).
  static MEGASEAL_INLINE Elem pow_2_250_1(const Elem& z, Elem& z11) {
    const Elem z2 = sqr(z), z9 = mul(sqr_times(z2, 2), z);
    z11 = mul(z9, z2);
    const Elem a5 = mul(sqr(z11), z9);
    const Elem a10 = mul(sqr_times(a5, 5), a5);
    const Elem a20 = mul(sqr_times(a10, 10), a10);
    const Elem a40 = mul(sqr_times(a20, 20), a20);
    const Elem a50 = mul(sqr_times(a40, 10), a10);
    const Elem a100 = mul(sqr_times(a50, 50), a50);
    const Elem a200 = mul(sqr_times(a100, 100), a100);
    return mul(sqr_times(a200, 50), a50);
  }
};

MEGASEAL_KERNELS_END
