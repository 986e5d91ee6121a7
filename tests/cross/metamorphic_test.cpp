// What must not change a single byte: the size of the batch an item stands in, its place there, where the batch is
// split, the layout, the number of threads.
#include <algorithm>

#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

class Metamorphic : public SchemeTest {
 protected:
  /// The sealed items one by one, each in a batch of its own.
  std::vector<Bytes> one_by_one(size_t n) {
    std::vector<Bytes> out;
    for (size_t i = 0; i < n; ++i) {
      const Results result = scheme().seal(engine_.get(), Layout::pointers, {i});
      EXPECT_TRUE(result.ok());
      out.push_back(result.out[0]);
    }
    return out;
  }
  Engine engine_ = make_engine();
};

TEST_P(Metamorphic, BatchOfNIsNBatchesOfOne) {
  const std::vector<Bytes> alone = one_by_one(150);
  for (const size_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 150}) {
    const Results batch = scheme().seal(engine_.get(), Layout::pointers, first_items(n));
    ASSERT_TRUE(batch.ok());
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(batch.out[i], alone[i]) << "item " << i << " of " << n;
  }
}

TEST_P(Metamorphic, PermutingChangesNothing) {
  Random random;
  std::vector<size_t> items = first_items(130);
  const Results straight = scheme().seal(engine_.get(), Layout::packed, items);
  ASSERT_TRUE(straight.ok());
  std::shuffle(items.begin(), items.end(), std::mt19937_64(random.next()));
  if (scheme().any_order()) {
    const Results permuted = scheme().seal(engine_.get(), Layout::packed, items);
    ASSERT_TRUE(permuted.ok());
    for (size_t i = 0; i < items.size(); ++i) ASSERT_EQ(permuted.out[i], straight.out[items[i]]) << "at " << i;
  }
  std::vector<Bytes> shuffled;
  for (const size_t item : items) shuffled.push_back(straight.out[item]);
  const Results opened = scheme().open(engine_.get(), Layout::packed, items, shuffled);
  ASSERT_TRUE(opened.ok());
  for (size_t i = 0; i < items.size(); ++i) ASSERT_EQ(opened.out[i], scheme().text(items[i])) << "at " << i;
}

TEST_P(Metamorphic, SplittingChangesNothing) {
  Random random;
  const std::vector<size_t> items = first_items(200);
  const Results whole = scheme().seal(engine_.get(), Layout::packed, items);
  ASSERT_TRUE(whole.ok());
  for (size_t begin = 0; begin < items.size();) {
    const size_t end = std::min<size_t>(items.size(), begin + 1 + random.below(70));
    const std::vector<size_t> part(items.begin() + ptrdiff_t(begin), items.begin() + ptrdiff_t(end));
    const Results sealed = scheme().seal(engine_.get(), Layout::packed, part);
    ASSERT_TRUE(sealed.ok());
    for (size_t i = begin; i < end; ++i) ASSERT_EQ(sealed.out[i - begin], whole.out[i]) << "item " << i;
    const Results opened = scheme().open(engine_.get(), Layout::packed, part, sealed.out);
    ASSERT_TRUE(opened.ok());
    for (size_t i = begin; i < end; ++i) ASSERT_EQ(opened.out[i - begin], scheme().text(i)) << "item " << i;
    begin = end;
  }
}

TEST_P(Metamorphic, EveryLayoutGivesTheSameBytes) {
  for (const size_t n : {0, 1, 3, 40, 130}) {
    const std::vector<size_t> items = first_items(n);
    const Results expected = scheme().seal(engine_.get(), Layout::pointers, items);
    ASSERT_TRUE(expected.ok());
    for (const Layout layout : all_layouts) {
      SCOPED_TRACE(std::string(name_of(layout)) + ", " + std::to_string(n) + " items");
      const Results sealed = scheme().seal(engine_.get(), layout, items);
      ASSERT_TRUE(sealed.ok());
      ASSERT_EQ(sealed.out, expected.out);
      const Results opened = scheme().open(engine_.get(), layout, items, sealed.out);
      ASSERT_TRUE(opened.ok());
      ASSERT_EQ(opened.out, scheme().plaintexts(items).in);
    }
  }
}

TEST_P(Metamorphic, ThreadsChangeNothing) {
  const std::vector<size_t> items = first_items(1500);
  const Engine alone = make_engine("", 1), many = make_engine("", 4);
  ASSERT_EQ(megaseal_engine_num_threads(alone.get()), 1u);
  ASSERT_EQ(megaseal_engine_num_threads(many.get()), 4u);
  const Results expected = scheme().seal(alone.get(), Layout::packed, items);
  const Results sealed = scheme().seal(many.get(), Layout::packed, items);
  ASSERT_TRUE(expected.ok());
  ASSERT_TRUE(sealed.ok());
  ASSERT_EQ(sealed.out, expected.out);
  const Results opened = scheme().open(many.get(), Layout::packed, items, sealed.out);
  ASSERT_TRUE(opened.ok());
  ASSERT_EQ(opened.out, scheme().plaintexts(items).in);
}

MEGASEAL_ON_EVERY_SCHEME(Metamorphic);

}  // namespace
}  // namespace megaseal::test
