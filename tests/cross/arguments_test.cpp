// Calls that must not run: each is MEGASEAL_ERROR_ARGUMENT (or the error the manual names) and writes nothing.
#include <functional>

#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

/// A batch of two items that works, and whose outputs show whether anything was written.
struct Sample {
  explicit Sample(const Scheme& scheme) : capacity(10 + scheme.shape().overhead) {
    for (size_t i = 0; i < 2; ++i) {
      in_ptrs[i] = texts[i].data();
      lens[i] = 10;
      outs[i].assign(capacity, canary);
      out_ptrs[i] = outs[i].data();
      capacities[i] = capacity;
    }
    batch.struct_size = sizeof batch;
    batch.num_items = 2;
    batch.in = {in_ptrs, lens, nullptr, nullptr};
    batch.out.ptrs = out_ptrs;
    batch.out.capacities = capacities;
    batch.out_statuses = statuses;
  }
  Sample(const Sample&) = delete;
  bool untouched() const {
    return outs[0] == Bytes(capacity, canary) && outs[1] == outs[0] && statuses[0] == 0xee &&
           statuses[1] == 0xee;
  }

  size_t capacity;
  Bytes texts[2] = {Bytes(10, 1), Bytes(10, 2)}, outs[2];
  const void* in_ptrs[2];
  void* out_ptrs[2];
  uint64_t lens[2], capacities[2];
  uint64_t offsets[3] = {0, 10, 20}, out_offsets[3] = {7, 7, 7};
  uint8_t statuses[2] = {0xee, 0xee};
  size_t failed = 77;
  megaseal_batch batch = {};
};

class BatchArguments : public SchemeTest {
 protected:
  void expect_refused(const char* what, const std::function<void(Sample&)>& spoil) {
    SCOPED_TRACE(what);
    Sample sample(scheme());
    spoil(sample);
    EXPECT_EQ(scheme().seal(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_ARGUMENT)
        << "seal";
    EXPECT_EQ(scheme().open(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_ARGUMENT)
        << "open";
    EXPECT_TRUE(sample.untouched());
  }
  Engine engine_ = make_engine("", 1);
};

TEST_P(BatchArguments, TheSampleIsGood) {
  Sample sample(scheme());
  EXPECT_EQ(scheme().seal(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(sample.failed, 0u);
}

TEST_P(BatchArguments, StructSizes) {
  expect_refused("zero", [](Sample& s) { s.batch.struct_size = 0; });
  expect_refused("cut short", [](Sample& s) { s.batch.struct_size = sizeof s.batch - 1; });
}

TEST_P(BatchArguments, NullInputs) {
  expect_refused("no pointers", [](Sample& s) { s.batch.in.ptrs = nullptr; });
  expect_refused("no lengths", [](Sample& s) { s.batch.in.lens = nullptr; });
  expect_refused("a base without offsets", [](Sample& s) {
    s.batch.in = {nullptr, nullptr, s.texts[0].data(), nullptr};
  });
  expect_refused("offsets without a base", [](Sample& s) {
    s.batch.in = {nullptr, nullptr, nullptr, s.offsets};
  });
  expect_refused("both layouts", [](Sample& s) {
    s.batch.in.base = s.texts[0].data();
    s.batch.in.offsets = s.offsets;
  });
}

TEST_P(BatchArguments, NullOutputs) {
  expect_refused("none at all", [](Sample& s) { s.batch.out = {}; });
  expect_refused("no capacities", [](Sample& s) { s.batch.out.capacities = nullptr; });
  expect_refused("a base without offsets", [](Sample& s) {
    s.batch.out = {nullptr, nullptr, s.outs[0].data(), s.capacity, nullptr, nullptr};
  });
  expect_refused("both layouts", [](Sample& s) {
    s.batch.out.base = s.outs[0].data();
    s.batch.out.capacity = s.capacity;
    s.batch.out.offsets = s.out_offsets;
  });
}

TEST_P(BatchArguments, ANullPointerAmongGoodOnesFailsItsItemAlone) {
  for (const bool null_input : {true, false}) {
    Sample sample(scheme());
    if (null_input)
      sample.in_ptrs[0] = nullptr;
    else
      sample.out_ptrs[0] = nullptr;
    EXPECT_EQ(scheme().seal(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_NONE);
    EXPECT_EQ(sample.failed, 1u);
    EXPECT_NE(sample.statuses[0], MEGASEAL_OK);
    EXPECT_EQ(sample.statuses[1], MEGASEAL_OK);
  }
}

TEST_P(BatchArguments, OffsetsThatDecrease) {
  expect_refused("in the middle", [](Sample& s) {
    s.offsets[1] = 30;
    s.batch.in = {nullptr, nullptr, s.texts[0].data(), s.offsets};
  });
  expect_refused("at the front", [](Sample& s) {
    s.offsets[0] = 11;
    s.batch.in = {nullptr, nullptr, s.texts[0].data(), s.offsets};
  });
}

TEST_P(BatchArguments, MoreItemsThanThereMayBe) {
  expect_refused("2^32", [](Sample& s) { s.batch.num_items = size_t(1) << 32; });
  expect_refused("the most that a size can say", [](Sample& s) { s.batch.num_items = SIZE_MAX; });
}

TEST_P(BatchArguments, NullEngineOrBatch) {
  Sample sample(scheme());
  if (scheme().format() != MEGASEAL_FORMAT_HPKE_CONTEXT) {  // this scheme's contexts are made with the engine
    EXPECT_EQ(scheme().seal(nullptr, &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_ARGUMENT);
    EXPECT_EQ(scheme().open(nullptr, &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_ARGUMENT);
  }
  EXPECT_EQ(scheme().seal(engine_.get(), &sample.failed, nullptr, {0, 1}), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(scheme().open(engine_.get(), &sample.failed, nullptr, {0, 1}), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_TRUE(sample.untouched());
}

TEST_P(BatchArguments, OpeningNeedsStatuses) {
  Sample sample(scheme());
  sample.batch.out_statuses = nullptr;
  EXPECT_EQ(scheme().open(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_TRUE(sample.untouched());
  EXPECT_EQ(scheme().seal(engine_.get(), nullptr, &sample.batch, {0, 1}), MEGASEAL_ERROR_NONE)
      << "sealing needs neither statuses nor a count";
}

class NoAadArguments : public BatchArguments {};

TEST_P(NoAadArguments, AssociatedDataWhereThereIsNone) {
  expect_refused("aad", [](Sample& s) { s.batch.aad = s.batch.in; });
}

TEST_P(BatchArguments, NoItemsIsNoError) {
  megaseal_batch batch = {};
  batch.struct_size = sizeof batch;
  size_t failed = 77;
  EXPECT_EQ(scheme().seal(engine_.get(), &failed, &batch, {}), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(failed, 0u);
  failed = 77;
  EXPECT_EQ(scheme().open(engine_.get(), &failed, &batch, {}), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(failed, 0u);

  uint64_t offsets[1] = {77};
  batch.out.offsets = offsets;
  EXPECT_EQ(scheme().seal(engine_.get(), &failed, &batch, {}), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(offsets[0], 0u);
}

TEST_P(BatchArguments, UnsetInputsAreEmptyMessages) {
  Sample sample(scheme());
  sample.batch.in = {};
  sample.capacities[0] = sample.capacities[1] = scheme().shape().overhead;
  EXPECT_EQ(scheme().seal(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(sample.failed, 0u);
  sample.batch.in = {};
  EXPECT_EQ(scheme().open(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(sample.failed, 2u);
  EXPECT_EQ(sample.statuses[1], MEGASEAL_TRUNCATED);
}

TEST_P(BatchArguments, LongerThanTheCipherAllowsFailsAloneAndWritesNothing) {
  const bool box = !scheme().has_aad();
  const uint64_t limit = (uint64_t(1) << 38) - (box ? 96 : 64);
  for (const uint64_t len : {limit + 1, UINT64_MAX / 2, UINT64_MAX - 15, UINT64_MAX}) {
    Sample sample(scheme());
    sample.lens[0] = len;  // no memory that long stands behind it: nothing may touch it
    sample.capacities[0] = UINT64_MAX;
    EXPECT_EQ(scheme().seal(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_NONE);
    EXPECT_EQ(sample.failed, 1u);
    EXPECT_EQ(sample.statuses[0], MEGASEAL_TOO_LONG) << len;
    EXPECT_EQ(sample.statuses[1], MEGASEAL_OK);
    EXPECT_EQ(sample.outs[0], Bytes(sample.capacity, canary));
    EXPECT_EQ(megaseal_sealed_len(scheme().format(), len), UINT64_MAX);
  }
  EXPECT_EQ(megaseal_sealed_len(scheme().format(), limit), limit + scheme().shape().overhead);
  EXPECT_EQ(megaseal_overhead(scheme().format()), scheme().shape().overhead);
}

TEST_P(BatchArguments, PackedSizesThatOverflow) {
  expect_refused("the sealed size of a packed batch", [](Sample& s) {
    s.offsets[2] = UINT64_MAX - 3;
    s.batch.in = {nullptr, nullptr, s.texts[0].data(), s.offsets};
    s.batch.out = {nullptr, nullptr, s.outs[0].data(), UINT64_MAX, s.out_offsets, nullptr};
  });
}

TEST_P(BatchArguments, PackedOutputTooSmallFailsOnlyWhatDoesNotFit) {
  Sample sample(scheme());
  Bytes out(2 * sample.capacity, canary);
  uint64_t lens[2] = {5, 5};
  sample.batch.out = {nullptr, nullptr, out.data(), 2 * sample.capacity - 1, sample.out_offsets, lens};
  ASSERT_EQ(scheme().seal(engine_.get(), &sample.failed, &sample.batch, {0, 1}), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(sample.statuses[0], MEGASEAL_OK);
  EXPECT_EQ(sample.statuses[1], MEGASEAL_BUFFER_TOO_SMALL);
  EXPECT_EQ(lens[0], sample.capacity);
  EXPECT_EQ(lens[1], 0u);
  EXPECT_TRUE(all_zero({&out[sample.capacity], sample.capacity - 1}));
  EXPECT_EQ(out.back(), canary) << "nothing is written behind the capacity";
}

MEGASEAL_ON_EVERY_SCHEME(BatchArguments);
MEGASEAL_ON_SCHEMES_THAT(NoAadArguments, !s.has_aad());

}  // namespace
}  // namespace megaseal::test
