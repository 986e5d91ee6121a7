// HPKE contexts: sequence numbers, roles, the message limit, exports.
#include <atomic>
#include <set>
#include <thread>

#include "tests/support/batch.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/reference.hpp"

#include <gtest/gtest.h>

namespace megaseal::test {
namespace {

class HpkeContext : public ::testing::Test {
 protected:
  Context sender(uint64_t first_sequence = 0) {
    megaseal_hpke_context* context = nullptr;
    throw_on(testing::hpke_sender_create(&context, enc_.data(), engine_.get(), nullptr, recipient_.get(),
                                         ephemeral_.data(), first_sequence),
             "sender");
    return Context(context);
  }
  Context receiver() {
    megaseal_hpke_context* context = nullptr;
    throw_on(megaseal_hpke_receiver_create(&context, engine_.get(), nullptr, key_.get(), enc_.data()),
             "receiver");
    return Context(context);
  }
  Results seal_all(megaseal_hpke_context* context, const std::vector<Bytes>& texts,
                   uint64_t* first = nullptr) {
    return seal(Layout::packed, shape_, {texts, {}}, [&](size_t* failed, const megaseal_batch* batch) {
      return megaseal_hpke_context_seal_batch(context, first, failed, engine_.get(), batch);
    });
  }
  Results open_all(const megaseal_hpke_context* context, const std::vector<Bytes>& sealed,
                   const std::vector<uint64_t>& sequences) {
    return open(Layout::packed, shape_, {sealed, {}}, [&](size_t* failed, const megaseal_batch* batch) {
      return megaseal_hpke_context_open_batch(context, failed, engine_.get(), batch, sequences.data());
    });
  }

  Random random_;
  Engine engine_ = make_engine();
  Bytes secret_ = random_.bytes(32);
  SecretKey key_ = make_secret_key(secret_);
  Recipient recipient_ = make_recipient(public_key_of(key_.get()));
  Bytes ephemeral_ = random_.bytes(32), enc_ = Bytes(32);
  Shape shape_ = shape_of(MEGASEAL_FORMAT_HPKE_CONTEXT);
};

TEST_F(HpkeContext, BatchesReserveConsecutiveNumbers) {
  const Context s = sender();
  uint64_t expected = 0;
  for (const size_t n : {1, 5, 0, 130, 2}) {
    uint64_t first = UINT64_MAX;
    ASSERT_TRUE(seal_all(s.get(), std::vector<Bytes>(n, bytes_of("x")), &first).ok());
    if (n > 0) {
      EXPECT_EQ(first, expected);
    }
    expected += n;
  }
}

TEST_F(HpkeContext, EveryMessageIsTheReferencesUnderItsNumber) {
  const Context s = sender(UINT32_MAX - 2);  // across 2^32
  const Context r = receiver();
  const reference::HpkeKeys keys =
      reference::hpke_schedule({}, reference::x25519(secret_, enc_), enc_, public_key_of(key_.get()));
  std::vector<Bytes> texts;
  std::vector<uint64_t> sequences;
  for (size_t i = 0; i < 10; ++i) {
    texts.push_back(random_.bytes(40 + i));
    sequences.push_back(uint64_t(UINT32_MAX) - 2 + i);
  }
  const Results sealed = seal_all(s.get(), texts);
  ASSERT_TRUE(sealed.ok());
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(sealed.out[i],
              reference::chacha20poly1305(keys.key, reference::hpke_nonce(keys, sequences[i]), {}, texts[i]));
  const Results opened = open_all(r.get(), sealed.out, sequences);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened.out, texts);
}

TEST_F(HpkeContext, OpensInAnyOrderAndAgainButOnlyUnderTheRightNumber) {
  const Context s = sender(), r = receiver();
  std::vector<Bytes> texts;
  for (size_t i = 0; i < 6; ++i) texts.push_back(random_.bytes(10 * i));
  const std::vector<Bytes> sealed = seal_all(s.get(), texts).out;
  const Results opened = open_all(r.get(), {sealed[5], sealed[0], sealed[5], sealed[2]}, {5, 0, 5, 3});
  EXPECT_EQ(opened.statuses, (Bytes{MEGASEAL_OK, MEGASEAL_OK, MEGASEAL_OK, MEGASEAL_AUTH_FAILED}));
  EXPECT_EQ(opened.out[0], texts[5]);
  EXPECT_EQ(opened.out[2], texts[5]);
}

TEST_F(HpkeContext, AFailedItemBurnsItsNumber) {
  const Context s = sender(), r = receiver();
  const Bytes text = bytes_of("one text");
  Bytes out(4 * (text.size() + 16));
  std::vector<const void*> in = {text.data(), text.data(), text.data()};
  std::vector<uint64_t> lens(3, text.size()), capacities = {24, 23, 24};
  std::vector<void*> outs = {&out[0], &out[24], &out[48]};
  Bytes statuses(3);
  megaseal_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = 3;
  batch.in = {in.data(), lens.data(), nullptr, nullptr};
  batch.out.ptrs = outs.data();
  batch.out.capacities = capacities.data();
  batch.out_statuses = statuses.data();
  uint64_t first = 9;
  size_t failed = 0;
  ASSERT_EQ(megaseal_hpke_context_seal_batch(s.get(), &first, &failed, engine_.get(), &batch),
            MEGASEAL_ERROR_NONE);
  EXPECT_EQ(first, 0u);
  EXPECT_EQ(failed, 1u);
  EXPECT_EQ(statuses, (Bytes{MEGASEAL_OK, MEGASEAL_BUFFER_TOO_SMALL, MEGASEAL_OK}));
  const Results opened = open_all(r.get(), {Bytes(&out[48], &out[48] + 24)}, {2});
  EXPECT_TRUE(opened.ok()) << "the item after the failed one is number 2";
  ASSERT_EQ(seal_all(s.get(), {text}, &first).error, MEGASEAL_ERROR_NONE);
  EXPECT_EQ(first, 3u);
}

TEST_F(HpkeContext, RolesAreKept) {
  const Context s = sender(), r = receiver();
  EXPECT_EQ(seal_all(r.get(), {bytes_of("x")}).error, MEGASEAL_ERROR_ROLE);
  EXPECT_EQ(open_all(s.get(), {Bytes(20)}, {0}).error, MEGASEAL_ERROR_ROLE);
}

TEST_F(HpkeContext, StopsAtTheMessageLimit) {
  // RFC 9180 §5.2: a sequence number may not be reused; with 64-bit numbers the last is 2^64 - 1 at most.
  const Context s = sender(UINT64_MAX - 3);
  const std::vector<Bytes> two(2, bytes_of("x")), six(6, bytes_of("x"));
  uint64_t first = 0;
  const Results refused = seal_all(s.get(), six, &first);
  ASSERT_EQ(refused.error, MEGASEAL_ERROR_MESSAGE_LIMIT);
  for (const Bytes& out : refused.out)
    EXPECT_EQ(out, Bytes(out.size(), canary)) << "a refused call writes nothing";
  ASSERT_TRUE(seal_all(s.get(), two, &first).ok()) << "a refused batch reserves nothing";
  EXPECT_EQ(first, UINT64_MAX - 3);
  EXPECT_EQ(seal_all(s.get(), six, &first).error, MEGASEAL_ERROR_MESSAGE_LIMIT);
  size_t sealed = 0;
  while (sealed < 3 && seal_all(s.get(), {bytes_of("x")}, &first).ok()) ++sealed;
  EXPECT_GE(sealed, 1u) << "number 2^64 - 2 is still free";
  EXPECT_LE(sealed, 2u) << "numbers have wrapped around";
  EXPECT_EQ(seal_all(s.get(), two, &first).error, MEGASEAL_ERROR_MESSAGE_LIMIT);
}

TEST_F(HpkeContext, ExportsOfEveryLength) {
  const Context s = sender(), r = receiver();
  const reference::HpkeKeys keys =
      reference::hpke_schedule({}, reference::x25519(secret_, enc_), enc_, public_key_of(key_.get()));
  std::vector<Bytes> contexts;
  for (size_t i = 0; i < 70; ++i) contexts.push_back(random_.bytes(3 * i));
  const Pointers pointers(contexts);
  const Packed packed(contexts);
  const megaseal_inputs by_pointers = pointers.inputs(), by_offsets = packed.inputs();
  for (const size_t len : {1, 31, 32, 33, 64, 100, MEGASEAL_HPKE_MAX_EXPORT_LEN}) {
    Bytes a(contexts.size() * len), b(a.size());
    ASSERT_EQ(megaseal_hpke_context_export_batch(s.get(), a.data(), engine_.get(), contexts.size(),
                                                 &by_pointers, len),
              MEGASEAL_ERROR_NONE);
    ASSERT_EQ(megaseal_hpke_context_export_batch(r.get(), b.data(), engine_.get(), contexts.size(),
                                                 &by_offsets, len),
              MEGASEAL_ERROR_NONE);
    EXPECT_EQ(a, b);
    for (size_t i = 0; i < contexts.size(); ++i)
      ASSERT_EQ(Bytes(&a[i * len], &a[i * len] + len), reference::hpke_export(keys, contexts[i], len)) << len;
  }
  Bytes out(MEGASEAL_HPKE_MAX_EXPORT_LEN + 1);
  EXPECT_EQ(megaseal_hpke_context_export_batch(s.get(), out.data(), engine_.get(), 1, &by_pointers, 0),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(
      megaseal_hpke_context_export_batch(s.get(), out.data(), engine_.get(), 1, &by_pointers, out.size()),
      MEGASEAL_ERROR_ARGUMENT);
}

// One that is long must not make room for so long a one in every place of every tile.
TEST_F(HpkeContext, ExportsUnderLongContextsAmongShortOnes) {
  const Context s = sender();
  const reference::HpkeKeys keys =
      reference::hpke_schedule({}, reference::x25519(secret_, enc_), enc_, public_key_of(key_.get()));
  for (const size_t longest : {size_t(1000), size_t(100000), size_t(3000000)}) {
    std::vector<Bytes> contexts;
    for (size_t i = 0; i < 600; ++i) contexts.push_back(random_.bytes(i % 97 == 3 ? longest - i : i % 50));
    const Pointers pointers(contexts);
    const megaseal_inputs inputs = pointers.inputs();
    Bytes out(contexts.size() * 32);
    ASSERT_EQ(megaseal_hpke_context_export_batch(s.get(), out.data(), engine_.get(), contexts.size(), &inputs, 32),
              MEGASEAL_ERROR_NONE);
    for (size_t i = 0; i < contexts.size(); ++i)
      ASSERT_EQ(Bytes(&out[i * 32], &out[i * 32] + 32), reference::hpke_export(keys, contexts[i], 32)) << i;
  }
}

TEST_F(HpkeContext, FreshSendersDiffer) {
  Bytes first(32), second(32);
  megaseal_hpke_context* a = nullptr;
  megaseal_hpke_context* b = nullptr;
  ASSERT_EQ(megaseal_hpke_sender_create(&a, first.data(), engine_.get(), nullptr, recipient_.get()),
            MEGASEAL_ERROR_NONE);
  ASSERT_EQ(megaseal_hpke_sender_create(&b, second.data(), engine_.get(), nullptr, recipient_.get()),
            MEGASEAL_ERROR_NONE);
  const Context a_owner(a), b_owner(b);
  EXPECT_NE(first, second);
  enc_ = first;
  const Context r = receiver();
  const Results sealed = seal_all(a, {bytes_of("hello")});
  EXPECT_TRUE(open_all(r.get(), sealed.out, {0}).ok());
}

}  // namespace
}  // namespace megaseal::test
