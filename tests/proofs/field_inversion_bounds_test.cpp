// The inversions that ship, around the machine of kernels/safegcd.hpp: lanes multiplied together and taken apart, the way
// to canonical words and the way back. For every product no exact operation wraps, and what comes back may be multiplied.
// (The runs of the slots, in curve_bounds_test.cpp and vector_curve_bounds_test.cpp, invert so as well.)
#include <gtest/gtest.h>

#define MEGASEAL_ISA proof
#include "backends/scalar/field.hpp"
#include "interval_inversion.hpp"
#include "interval_real.hpp"
#include "kernels/field_5x51_fma.hpp"
#include "kernels/field_5x51_madd.hpp"
#include "kernels/lane_inversion.hpp"

namespace megaseal::proof {
namespace {

using Portable = FieldOver<IntervalWord>;
using MaddLanes = Field5x51Madd<IntervalLanes<8>>;
template <int LANES>
using FmaLanes = Field5x51Fma<IntervalLanes<LANES>, IntervalRealLanes<LANES>>;

/// A product of numbers as they are read, as a factor.
template <class F>
typename F::Elem any_product() {
  using W = typename F::W;
  const auto number = F::norm(F::centred(F::widen(F::from_words({W::any(), W::any(), W::any(), W::any()}))));
  return FieldOps<F>::mul(number, number);
}
template <class F>
void invert() {
  const long before = num_inverted;
  FieldOps<F>::mul(F::invert(any_product<F>()), any_product<F>());
  EXPECT_EQ(num_inverted, before + 1);
}

template <class F>
struct FieldInversionBounds : ::testing::Test {};
using Fields = ::testing::Types<Portable, WithLaneInversion<MaddLanes>, WithLaneInversion<FmaLanes<4>>,
                                WithLaneInversion<FmaLanes<8>>>;
struct Names {
  template <class F>
  static std::string GetName(int i) {
    return i == 0 ? "Portable" : i == 1 ? "Madd8" : i == 2 ? "Fma4" : "Fma8";
  }
};
TYPED_TEST_SUITE(FieldInversionBounds, Fields, Names);

TYPED_TEST(FieldInversionBounds, AnyProduct) {
  invert<TypeParam>();
  EXPECT_GT(Ledger::get().checks, 100);
  for (const std::string& f : Ledger::get().failures) ADD_FAILURE() << "not proved: " << f;
  Ledger::get() = {};
}

// Negative controls: words that nobody made canonical, limbs that were not cut out of the words that came back, and lanes
// that come wider than they went.
template <class F>
struct NotCanonical : F {
  using typename F::Elem;
  using typename F::W;
  static void to_words(W (&w)[4], const Elem&) {
    for (W& word : w) word = W::any();
  }
};
template <class F>
struct NotCut : F {
  using typename F::Elem;
  using typename F::W;
  static Elem from_words(const W (&w)[4]) { return {{w[0], w[1], w[2], w[3], w[3]}}; }
};
template <class F>
struct WideLanes : F {
  using typename F::Elem;
  using typename F::W;
  template <int K>
  static Elem swap_lanes(const Elem& e) {
    Elem r = F::template swap_lanes<K>(e);
    r.l[2] = r.l[2] + r.l[2];
    return r;
  }
};
template <class F>
void expect_reported(const char* what) {
  WithLaneInversion<F>::invert(any_product<F>());
  const auto& failures = Ledger::get().failures;
  ASSERT_FALSE(failures.empty());
  EXPECT_EQ(failures[0], what);
  Ledger::get() = {};
}
TEST(FieldInversionBounds, PlantedDefectsAreReported) {
  expect_reported<NotCanonical<MaddLanes>>("what is inverted < 2^255");
  expect_reported<NotCanonical<FmaLanes<4>>>("what is inverted < 2^255");
  expect_reported<NotCut<MaddLanes>>("factors < 2^52");
  expect_reported<WideLanes<MaddLanes>>("factors < 2^52");
  expect_reported<WideLanes<FmaLanes<8>>>("|a b| < 2^102");
}

}  // namespace
}  // namespace megaseal::proof
