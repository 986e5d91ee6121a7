// Every way in which an item's output can lie over its input or its associated data: the one allowed distance works in
// place, touching is no overlap, anything else is MEGASEAL_OVERLAP and writes nothing.
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

class Overlap : public SchemeTest {
 protected:
  static constexpr size_t len = 70, middle = 400, arena_size = 1000;

  /// One item with everything in one arena. Offsets are into the arena; `aad_len` 0: no associated data.
  struct Place {
    size_t in, in_len, out, out_len, aad = 0, aad_len = 0;
  };
  uint8_t run(bool sealing, const Place& at) {
    const void* in = &arena_[at.in];
    const void* aad = &arena_[at.aad];
    void* out = &arena_[at.out];
    const uint64_t in_len = at.in_len, aad_len = at.aad_len, capacity = at.out_len;
    uint8_t status = 0xee;
    uint64_t out_len = 0;
    megaseal_batch batch = {};
    batch.struct_size = sizeof batch;
    batch.num_items = 1;
    batch.in = {&in, &in_len, nullptr, nullptr};
    if (aad_len) batch.aad = {&aad, &aad_len, nullptr, nullptr};
    batch.out = {&out, &capacity, nullptr, 0, nullptr, &out_len};
    batch.out_statuses = &status;
    size_t failed = 9;
    const megaseal_error error = sealing ? scheme().seal(engine_.get(), &failed, &batch, {0})
                                         : scheme().open(engine_.get(), &failed, &batch, {0});
    EXPECT_EQ(error, MEGASEAL_ERROR_NONE);
    EXPECT_EQ(failed, status == MEGASEAL_OK ? 0u : 1u);
    return status;
  }
  static bool disjoint(size_t a, size_t a_len, size_t b, size_t b_len) { return a + a_len <= b || b + b_len <= a; }

  Engine engine_ = make_engine("", 1);
  Random random_;
  Bytes arena_ = Bytes(arena_size);
};

TEST_P(Overlap, SealingAtEveryDistance) {
  const Shape shape = scheme().shape();
  const size_t sealed_len = len + shape.overhead;
  const Bytes text = random_.bytes(len);
  Bytes expected;
  for (size_t out = middle - sealed_len - 2; out <= middle + len + 2; ++out) {
    SCOPED_TRACE("output at the input " + std::to_string(ptrdiff_t(out) - ptrdiff_t(middle)));
    arena_.assign(arena_size, canary);
    std::copy(text.begin(), text.end(), &arena_[middle]);
    const Bytes before = arena_;
    const uint8_t status = run(true, {middle, len, out, sealed_len});
    if (out + shape.in_place == middle || disjoint(out, sealed_len, middle, len)) {
      ASSERT_EQ(status, MEGASEAL_OK);
      const Bytes sealed(&arena_[out], &arena_[out] + sealed_len);
      if (expected.empty()) expected = sealed;
      ASSERT_EQ(sealed, expected);
      Bytes around = arena_, around_before = before;
      std::fill_n(&around[out], sealed_len, 0);
      std::fill_n(&around_before[out], sealed_len, 0);
      ASSERT_EQ(around, around_before) << "written outside the output";
    } else {
      ASSERT_EQ(status, MEGASEAL_OVERLAP);
      ASSERT_EQ(arena_, before) << "OVERLAP writes nothing";
    }
  }
}

TEST_P(Overlap, OpeningAtEveryDistance) {
  const Shape shape = scheme().shape();
  const size_t sealed_len = len + shape.overhead;
  const Bytes text = random_.bytes(len);
  std::copy(text.begin(), text.end(), arena_.begin());
  ASSERT_EQ(run(true, {0, len, middle, sealed_len}), MEGASEAL_OK);
  const Bytes sealed(&arena_[middle], &arena_[middle] + sealed_len);
  for (size_t out = middle - len - 2; out <= middle + sealed_len + 2; ++out) {
    SCOPED_TRACE("output at the input " + std::to_string(ptrdiff_t(out) - ptrdiff_t(middle)));
    arena_.assign(arena_size, canary);
    std::copy(sealed.begin(), sealed.end(), &arena_[middle]);
    const Bytes before = arena_;
    const uint8_t status = run(false, {middle, sealed_len, out, len});
    if (out == middle + shape.in_place || disjoint(out, len, middle, sealed_len)) {
      ASSERT_EQ(status, MEGASEAL_OK);
      ASSERT_EQ(Bytes(&arena_[out], &arena_[out] + len), text);
    } else {
      ASSERT_EQ(status, MEGASEAL_OVERLAP);
      ASSERT_EQ(arena_, before) << "OVERLAP writes nothing";
    }
  }
}

TEST_P(Overlap, AssociatedDataAtEveryDistance) {
  if (!scheme().has_aad()) GTEST_SKIP() << scheme().name() << " takes no associated data";
  constexpr size_t aad_len = 20;
  const size_t sealed_len = len + scheme().shape().overhead;
  for (size_t aad = middle - aad_len - 2; aad <= middle + sealed_len + 2; ++aad) {
    SCOPED_TRACE("aad at the output " + std::to_string(ptrdiff_t(aad) - ptrdiff_t(middle)));
    arena_.assign(arena_size, canary);
    const Bytes before = arena_;
    const uint8_t status = run(true, {0, len, middle, sealed_len, aad, aad_len});
    if (disjoint(aad, aad_len, middle, sealed_len)) {
      ASSERT_EQ(status, MEGASEAL_OK);
    } else {
      ASSERT_EQ(status, MEGASEAL_OVERLAP);
      ASSERT_EQ(arena_, before);
    }
  }
}

TEST_P(Overlap, AssociatedDataMayLieOverTheInput) {
  if (!scheme().has_aad()) GTEST_SKIP() << scheme().name() << " takes no associated data";
  EXPECT_EQ(run(true, {0, len, middle, len + scheme().shape().overhead, 10, 30}), MEGASEAL_OK);
}

TEST_P(Overlap, EmptyMessagesOverlapNothing) {
  const size_t overhead = scheme().shape().overhead;
  ASSERT_EQ(run(true, {middle + 5, 0, middle, overhead}), MEGASEAL_OK);
  const Bytes sealed(&arena_[middle], &arena_[middle] + overhead);
  ASSERT_EQ(run(false, {middle, overhead, middle + 3, 0}), MEGASEAL_OK);
  EXPECT_EQ(Bytes(&arena_[middle], &arena_[middle] + overhead), sealed);
}

TEST_P(Overlap, TwoPackedLayoutsOverEachOtherAreRefused) {
  const Shape shape = scheme().shape();
  const uint64_t in_offsets[] = {0, 30, 60};
  const size_t capacity = 60 + 2 * shape.overhead;
  for (const size_t out : {middle - capacity + 1, middle - shape.in_place - 7, middle, middle + 1, middle + 59}) {
    if (shape.in_place == 0 && out == middle) continue;
    arena_.assign(arena_size, canary);
    uint64_t out_offsets[3] = {7, 7, 7};
    uint8_t statuses[2] = {0xee, 0xee};
    megaseal_batch batch = {};
    batch.struct_size = sizeof batch;
    batch.num_items = 2;
    batch.in = {nullptr, nullptr, &arena_[middle], in_offsets};
    batch.out = {nullptr, nullptr, &arena_[out], capacity, out_offsets, nullptr};
    batch.out_statuses = statuses;
    size_t failed = 0;
    EXPECT_EQ(scheme().seal(engine_.get(), &failed, &batch, {0, 1}), MEGASEAL_ERROR_ARGUMENT)
        << ptrdiff_t(out) - ptrdiff_t(middle);
    EXPECT_EQ(arena_, Bytes(arena_size, canary));
  }
}

MEGASEAL_ON_EVERY_SCHEME(Overlap);

}  // namespace
}  // namespace megaseal::test
