// After fork() an engine goes on in the child on the calling thread alone, and the two never share randomness.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "tests/support/backends.hpp"
#include "tests/support/schemes.hpp"
#include "tests/threads/in_child.hpp"

namespace megaseal::test {
namespace {

using Fork = Forking<SchemeTest>;
using ForkRandom = Forking<::testing::Test>;
using ForkPrepared = Forking<::testing::Test>;

TEST_P(Fork, TheChildSealsAndOpensTheSameBytes) {
  const Engine engine = make_engine("", 4);
  const std::vector<size_t> items = first_items(400);
  const Results before = scheme().seal(engine.get(), Layout::packed, items);  // the threads are warm
  ASSERT_TRUE(before.ok());
  const Bytes in_the_child = in_child([&] {
    const auto schemes = make_schemes();
    const Scheme& own = **std::find_if(schemes.begin(), schemes.end(),
                                       [&](const auto& s) { return s->name() == scheme().name(); });
    const Results sealed = own.seal(engine.get(), Layout::packed, items);
    const Results opened = own.open(engine.get(), Layout::packed, items, sealed.out);
    return Bytes{uint8_t(sealed.ok() && sealed.out == before.out), uint8_t(opened.ok())};
  });
  EXPECT_EQ(in_the_child, (Bytes{1, 1}));
  EXPECT_EQ(scheme().seal(engine.get(), Layout::packed, items).out, before.out) << "and the parent goes on";
}

MEGASEAL_ON_EVERY_SCHEME(Fork);

/// What this process draws before two forks and after them, and what the children draw, 32 bytes a piece: nothing comes twice.
template <class Draw>
void expect_all_differ(size_t num, const Draw& draw) {
  const Bytes before = draw();  // the generator has state to inherit
  const Bytes first_child = in_child(draw), second_child = in_child(draw), parent = draw();
  std::set<Bytes> all;
  for (const Bytes* drawn : {&before, &first_child, &second_child, &parent}) {
    ASSERT_EQ(drawn->size(), 32 * num);
    for (size_t i = 0; i < num; ++i) all.emplace(&(*drawn)[32 * i], &(*drawn)[32 * i] + 32);
  }
  EXPECT_EQ(all.size(), 4 * num);
}

TEST_F(ForkRandom, ChildAndParentDrawDifferentKeys) {
  const Engine engine = make_engine("", 2);
  expect_all_differ(40, [&] {
    Bytes publics(32 * 40), secrets(32 * 40);
    if (megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), 40) != MEGASEAL_ERROR_NONE)
      return Bytes();
    return secrets;
  });
}

// A batch's ephemeral public keys stand first in what was sealed, HPKE's enc as well as a sealed box's.
TEST_F(ForkRandom, ChildAndParentSealWithDifferentEphemeralKeys) {
  const Engine engine = make_engine("", 2);
  const Recipient recipient = make_recipient(public_key_of(make_secret_key(Random().bytes(32)).get()));
  const megaseal_recipient* const handle = recipient.get();
  const megaseal_recipients to = to_one(&handle);
  for (const megaseal_format format :
       {MEGASEAL_FORMAT_HPKE, MEGASEAL_FORMAT_SEALEDBOX, MEGASEAL_FORMAT_SEALEDBOX_SALSA}) {
    SCOPED_TRACE(format);
    const Messages texts = {std::vector<Bytes>(300, bytes_of("text")), {}};
    expect_all_differ(300, [&] {
      const Results sealed =
          seal(Layout::packed, shape_of(format), texts, [&](size_t* failed, const megaseal_batch* batch) {
            return format == MEGASEAL_FORMAT_HPKE
                       ? megaseal_hpke_seal_batch(engine.get(), failed, nullptr, batch, nullptr, &to)
                       : megaseal_sealedbox_seal_batch(engine.get(), failed, batch, format, &to);
          });
      Bytes enc;
      if (sealed.ok())
        for (const Bytes& message : sealed.out) enc.insert(enc.end(), message.begin(), message.begin() + 32);
      return enc;
    });
  }
}

TEST_F(ForkRandom, ChildAndParentMakeDifferentContexts) {
  const Engine engine = make_engine("", 2);
  const Recipient recipient = make_recipient(public_key_of(make_secret_key(Random().bytes(32)).get()));
  expect_all_differ(40, [&] {
    Bytes enc(32 * 40);
    for (size_t i = 0; i < 40; ++i) {
      megaseal_hpke_context* made = nullptr;
      if (megaseal_hpke_sender_create(&made, &enc[32 * i], engine.get(), nullptr, recipient.get()) !=
          MEGASEAL_ERROR_NONE)
        return Bytes();
      megaseal_hpke_context_destroy(made);
    }
    return enc;
  });
}

TEST_F(ForkRandom, TheChildMayMakeAndDestroyEngines) {
  Engine engine = make_engine("", 3);
  ASSERT_TRUE(all_schemes()[0]->seal(engine.get(), Layout::packed, first_items(300)).ok());
  const Bytes done = in_child([&] {
    const Engine own = make_engine("", 3);
    const bool ok = all_schemes()[0]->seal(own.get(), Layout::packed, first_items(300)).ok();
    engine.reset();  // the parent's engine, whose threads the child does not have
    return Bytes{uint8_t(ok)};
  });
  EXPECT_EQ(done, Bytes{1});
}

TEST_F(ForkPrepared, TheChildHasTheParentsTablesAndMakesItsOwn) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer's allocator may be locked by a thread that the child does not have";
#endif
  const Engine engine = make_engine("", 4);
  if (backend_name(engine.get(), MEGASEAL_OP_X25519_PREPARED).empty()) GTEST_SKIP() << "no backend has tables";
  const size_t num = 400;
  Bytes publics(32 * num), secrets(32 * num);
  ASSERT_EQ(megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), num), MEGASEAL_ERROR_NONE);
  const auto agree = [&](size_t first, uint32_t recipients) {
    Bytes out(32 * num), points(32 * num);
    for (size_t i = 0; i < num; ++i) std::copy_n(&publics[32 * (first + i % recipients)], 32, &points[32 * i]);
    if (megaseal_x25519_batch(engine.get(), out.data(), nullptr, nullptr, num, secrets.data(), 32, points.data(),
                              32) != MEGASEAL_ERROR_NONE)
      out.clear();
    return out;
  };
  // In the parent other threads are at it, and may be in the middle of anything when the child is made.
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    for (size_t i = 0; !stop; i = (i + 7) % (num - 20)) agree(i, 20);
  });
  const Bytes old_ones = agree(0, 20), new_ones = agree(300, 30);
  for (int i = 0; i < 20; ++i) {
    const Bytes in_the_child = in_child([&] {
      const uint64_t hits = prepared_info(engine.get()).num_hits;
      const bool same = agree(0, 20) == old_ones && agree(300, 30) == new_ones && agree(300, 30) == new_ones;
      return Bytes{uint8_t(same), uint8_t(prepared_info(engine.get()).num_hits > hits)};
    });
    EXPECT_EQ(in_the_child, (Bytes{1, 1}));
  }
  stop = true;
  busy.join();
  EXPECT_EQ(agree(0, 20), old_ones) << "and the parent goes on";
}

}  // namespace
}  // namespace megaseal::test
