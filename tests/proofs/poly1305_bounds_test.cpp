// For all keys and all messages: no exact operation of the portable backend's Poly1305 can wrap.
#include <gtest/gtest.h>

#define MEGASEAL_ISA proof
#include "interval_word.hpp"
#include "kernels/poly1305.hpp"

namespace megaseal::proof {
namespace {

using Poly = Poly1305<IntervalWord>;

TEST(Poly1305Bounds, BlocksAreAFixedPoint) {
  Ledger& ledger = Ledger::get();
  Poly poly;
  // What clamping leaves (RFC 8439 2.5), and the invariant between blocks that poly1305.hpp states.
  poly.r0 = {0, 0x0ffffffc0fffffff};
  poly.r1 = {0, 0x0ffffffc0ffffffc};
  poly.s1 = poly.r1 + poly.r1.shr<2>();
  poly.h0 = poly.h1 = IntervalWord::any();
  poly.h2 = {0, 4};
  for (const u64 top : {0, 1}) {
    poly.block(IntervalWord::any(), IntervalWord::any(), IntervalWord::splat(top));
    EXPECT_LE(poly.h2.hi, 4u);  // so it holds after any number of blocks
  }
  IntervalWord tag0, tag1;
  const u8 pad[16] = {};  // read as any
  poly.finish(tag0, tag1, pad);
  EXPECT_GT(ledger.checks, 15);
  for (const std::string& f : ledger.failures) ADD_FAILURE() << "not proved: " << f;
  ledger = {};
}

// Negative control: an r that was not clamped must be reported.
TEST(Poly1305Bounds, AnUnclampedKeyIsReported) {
  Poly poly;
  poly.r0 = poly.r1 = poly.s1 = IntervalWord::any();
  poly.h0 = poly.h1 = IntervalWord::any();
  poly.h2 = {0, 4};
  poly.block(IntervalWord::any(), IntervalWord::any(), IntervalWord::splat(1));
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

}  // namespace
}  // namespace megaseal::proof
