// One bad item never stops or harms the others: altered, truncated and misaddressed items, outputs too small, in each
// position and each layout; and what the output of a failed item holds.
#include <algorithm>

#include "tests/support/backends.hpp"
#include "tests/support/points.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

/// Where a device is what all of this program is about (make_engine()), the CPU must have done nothing in its stead.
class ByTheDevice : public ::testing::Environment {
  void TearDown() override {
    const char* const name = std::getenv("MEGASEAL_TEST_BACKEND");
    for (const BackendRow* row : all_backends()) {
      if (!name || std::string(name) != row->name || !row->device) continue;
      EXPECT_EQ(left_to_cpu(*row), "");
      EXPECT_GT(row->device->report().num_tiles, 0u);
    }
  }
};
[[maybe_unused]] const auto* const by_the_device = ::testing::AddGlobalTestEnvironment(new ByTheDevice);

class FailedItems : public SchemeTest {
 protected:
  static constexpr size_t num = 22;  // the first and the last item have different recipients

  /// Opens with item `bad` replaced and expects `status` there, the right plaintext everywhere else.
  void expect_alone(Layout layout, size_t bad, const Bytes& replacement, uint8_t status) {
    SCOPED_TRACE(std::string(name_of(layout)) + ", item " + std::to_string(bad));
    std::vector<Bytes> altered = sealed_;
    altered[bad] = replacement;
    const Results opened = scheme().open(engine_.get(), layout, first_items(num), altered);
    ASSERT_EQ(opened.error, MEGASEAL_ERROR_NONE);
    EXPECT_EQ(opened.num_failed, 1u);
    for (size_t i = 0; i < num; ++i) {
      ASSERT_EQ(opened.statuses[i], i == bad ? status : uint8_t(MEGASEAL_OK)) << "item " << i;
      if (i != bad) {
        ASSERT_EQ(opened.out[i], scheme().text(i)) << "item " << i;
      } else if (layout == Layout::in_place) {
        const ptrdiff_t begin = ptrdiff_t(std::min<size_t>(scheme().shape().in_place, replacement.size()));
        ASSERT_EQ(opened.out[i], Bytes(replacement.begin() + begin,
                                       replacement.begin() + begin + ptrdiff_t(opened.out[i].size())))
            << "in place, a failed item is left as it was";
      } else {
        ASSERT_TRUE(all_zero(opened.out[i])) << "a failed item's output is zeroed";
      }
    }
  }

  void SetUp() override {
    const Results result = scheme().seal(engine_.get(), Layout::pointers, first_items(num));
    ASSERT_TRUE(result.ok());
    sealed_ = result.out;
  }

  Engine engine_ = make_engine();
  std::vector<Bytes> sealed_;
};

class HostilePublicKey : public FailedItems {};

TEST_P(FailedItems, AlteredItemFailsAloneInEachPosition) {
  Random random;
  for (const Layout layout : all_layouts) {
    for (size_t bad = 0; bad < num; ++bad) {
      Bytes altered = sealed_[bad];
      altered[random.below(altered.size())] ^= uint8_t(1u << random.below(8));
      ASSERT_NO_FATAL_FAILURE(expect_alone(layout, bad, altered, MEGASEAL_AUTH_FAILED));
    }
  }
}

TEST_P(FailedItems, TruncatedItemFailsAloneInEachPosition) {
  Random random;
  for (const Layout layout : all_layouts) {
    for (size_t bad = 0; bad < num; ++bad) {
      const size_t len = bad == 0 ? scheme().shape().overhead - 1 : random.below(scheme().shape().overhead);
      ASSERT_NO_FATAL_FAILURE(expect_alone(layout, bad, Bytes(len, 0x42), MEGASEAL_TRUNCATED));
    }
  }
}

TEST_P(FailedItems, EmptyItemsAreTruncated) {
  for (const Layout layout : all_layouts)
    ASSERT_NO_FATAL_FAILURE(expect_alone(layout, num / 2, Bytes(), MEGASEAL_TRUNCATED));
}

TEST_P(HostilePublicKey, LowOrderEncapsulatedKeyFailsAloneInEachPosition) {
  const std::vector<Bytes> hostile = low_order_all();
  for (size_t bad = 0; bad < num; ++bad) {
    Bytes altered = sealed_[bad];
    const Bytes& point = hostile[bad % hostile.size()];
    std::copy(point.begin(), point.end(), altered.begin());
    ASSERT_NO_FATAL_FAILURE(expect_alone(all_layouts[bad % 5], bad, altered, MEGASEAL_LOW_ORDER));
  }
}

TEST_P(FailedItems, EveryItemFailing) {
  std::vector<Bytes> altered = sealed_;
  for (Bytes& item : altered) item.back() ^= 1;
  const Results opened = scheme().open(engine_.get(), Layout::packed, first_items(num), altered);
  ASSERT_EQ(opened.error, MEGASEAL_ERROR_NONE);
  EXPECT_EQ(opened.num_failed, num);
  for (const Bytes& out : opened.out) EXPECT_TRUE(all_zero(out));
}

TEST_P(FailedItems, AnotherItemsAadOrKeyDoesNotOpen) {
  std::vector<size_t> items = first_items(num);
  std::rotate(items.begin(), items.begin() + 1, items.end());  // item i as if it were item i + 1
  const Results opened = scheme().open(engine_.get(), Layout::pointers, items, sealed_);
  ASSERT_EQ(opened.error, MEGASEAL_ERROR_NONE);
  EXPECT_EQ(opened.num_failed, num);
  for (size_t i = 0; i < num; ++i) EXPECT_EQ(opened.statuses[i], MEGASEAL_AUTH_FAILED) << "item " << i;
}

TEST_P(FailedItems, AnOutputTooSmallFailsAlone) {
  for (const bool sealing : {true, false}) {
    for (size_t bad = 0; bad < num; ++bad) {
      const Messages messages =
          sealing ? scheme().plaintexts(first_items(num)) : scheme().with_aad(first_items(num), sealed_);
      const auto call = [&](size_t* out_num_failed, const megaseal_batch* batch) {
        if (batch->out.capacities[bad] == 0) return MEGASEAL_ERROR_NONE;  // an empty plaintext needs no room
        std::vector<uint64_t> capacities(batch->out.capacities, batch->out.capacities + num);
        capacities[bad] -= 1;
        megaseal_batch small = *batch;
        small.out.capacities = capacities.data();
        const megaseal_error error =
            sealing ? scheme().seal(engine_.get(), out_num_failed, &small, first_items(num))
                    : scheme().open(engine_.get(), out_num_failed, &small, first_items(num));
        EXPECT_EQ(error, MEGASEAL_ERROR_NONE);
        EXPECT_EQ(*out_num_failed, 1u);
        for (size_t i = 0; i < num; ++i) {
          const uint8_t* out = static_cast<const uint8_t*>(batch->out.ptrs[i]);
          const uint8_t expected = i == bad ? MEGASEAL_BUFFER_TOO_SMALL : MEGASEAL_OK;
          EXPECT_EQ(batch->out_statuses[i], expected) << "item " << i;
          if (i != bad) continue;
          EXPECT_TRUE(all_zero({out, capacities[i]})) << "zeroed as far as it reaches";
          EXPECT_EQ(out[capacities[i]], canary) << "and no further";
        }
        return MEGASEAL_ERROR_ARGUMENT;  // the checks are done here: `run` need not look
      };
      if (sealing)
        test::seal(Layout::pointers, scheme().shape(), messages, call);
      else if (!scheme().text(bad).empty())
        test::open(Layout::pointers, scheme().shape(), messages, call);
    }
  }
}

// One array for the room and for what became of it, as programs have it that fill in both: a failed item's room must still be
// known when it is filled with zeros.
TEST_P(FailedItems, LengthsInPlaceOfCapacities) {
  const size_t bad = 7;
  std::vector<Bytes> altered = sealed_;
  altered[bad].back() ^= 1;
  test::open(Layout::pointers, scheme().shape(), scheme().with_aad(first_items(num), altered),
             [&](size_t* out_num_failed, const megaseal_batch* batch) {
               std::vector<uint64_t> lens(batch->out.capacities, batch->out.capacities + num);
               const std::vector<uint64_t> capacities = lens;
               megaseal_batch same = *batch;
               same.out.capacities = same.out.lens = lens.data();
               EXPECT_EQ(scheme().open(engine_.get(), out_num_failed, &same, first_items(num)), MEGASEAL_ERROR_NONE);
               EXPECT_EQ(*out_num_failed, 1u);
               for (size_t i = 0; i < num; ++i) {
                 EXPECT_EQ(lens[i], i == bad ? 0 : scheme().text(i).size()) << "item " << i;
                 if (i != bad) continue;
                 EXPECT_TRUE(all_zero({static_cast<const uint8_t*>(batch->out.ptrs[i]), capacities[i]}));
               }
               return MEGASEAL_ERROR_ARGUMENT;  // the checks are done here: `open` need not look
             });
}

MEGASEAL_ON_EVERY_SCHEME(FailedItems);
MEGASEAL_ON_SCHEMES_THAT(HostilePublicKey, s.carries_public_key());

}  // namespace
}  // namespace megaseal::test
