// Each request for memory in turn fails, and each thread's start: the call says so, nothing is leaked, the next call on
// the same engine works.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/allocation/own_malloc.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

constexpr size_t most_requests = 2000;

class FailingAllocation : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!own_malloc::is_here)
      GTEST_SKIP() << "malloc cannot be replaced in this build (sanitizers, other C libraries)";
    make_engine();  // self-tests, and what the C library allocates once
  }
  SecretKey key_ = make_secret_key(Random().bytes(32));
  Recipient recipient_ = make_recipient(public_key_of(key_.get()));
};

/// Runs `call` with the first request failing, then the second, and so on until all are met. `call` answers an error, and
/// leaves no more allocated than there was.
template <class Call>
void each_fails(const Call& call) {
  ASSERT_EQ(call(), MEGASEAL_ERROR_NONE);  // what is allocated once and for all
  for (size_t n = 1; n < most_requests; n++) {
    const long before = own_malloc::live();
    own_malloc::fail(n);
    const megaseal_error error = call();
    const bool failed = own_malloc::failed();
    EXPECT_EQ(own_malloc::live(), before) << "request " << n;
    if (!failed) {
      EXPECT_EQ(error, MEGASEAL_ERROR_NONE);
      EXPECT_GT(n, 1u) << "nothing was requested";
      return;
    }
    // A thread less is no error.
    EXPECT_TRUE(error == MEGASEAL_ERROR_MEMORY || error == MEGASEAL_ERROR_NONE)
        << "request " << n << ": " << error;
  }
  ADD_FAILURE() << "more requests than " << most_requests;
}

TEST_F(FailingAllocation, Engine) {
  each_fails([] {
    megaseal_engine_options options = {};
    options.struct_size = sizeof options;
    options.num_threads = 4;
    megaseal_engine* engine = reinterpret_cast<megaseal_engine*>(1);
    const megaseal_error error = megaseal_engine_create(&engine, &options);
    EXPECT_EQ(engine == nullptr, error != MEGASEAL_ERROR_NONE);
    megaseal_engine_destroy(engine);
    return error;
  });
}

TEST_F(FailingAllocation, Keys) {
  const auto each_fails_to_make = [&](const auto& make) {
    each_fails([&] {
      megaseal_secret_key* key = nullptr;
      const megaseal_error error = make(&key);
      EXPECT_EQ(key == nullptr, error != MEGASEAL_ERROR_NONE);
      megaseal_secret_key_release(key);
      return error;
    });
  };
  each_fails_to_make([&](megaseal_secret_key** key) { return megaseal_secret_key_generate(key); });
  const Bytes secret = Random().bytes(32);
  each_fails_to_make(
      [&](megaseal_secret_key** key) { return megaseal_secret_key_create(key, secret.data()); });
  each_fails_to_make(
      [&](megaseal_secret_key** key) { return megaseal_secret_key_create_inheritable(key, key_.get()); });
  char pem[MEGASEAL_SECRET_KEY_PEM_LEN];
  ASSERT_EQ(megaseal_secret_key_to_pem(pem, key_.get()), MEGASEAL_ERROR_NONE);
  each_fails_to_make([&](megaseal_secret_key** key) {
    return megaseal_secret_key_from_pem(key, nullptr, pem, std::strlen(pem));
  });
  uint8_t public_key[32];
  megaseal_secret_key_public_key(key_.get(), public_key);
  each_fails([&] {
    megaseal_recipient* recipient = nullptr;
    const megaseal_error error = megaseal_recipient_create(&recipient, public_key);
    EXPECT_EQ(recipient == nullptr, error != MEGASEAL_ERROR_NONE);
    megaseal_recipient_release(recipient);
    return error;
  });
}

/// Makes secrets when no slot for one is left, with each request failing that a page for more takes. A slot with its mark has
/// `slot_size` bytes. `make` makes one, null for want of memory. Pages are kept, whatever fails: each must have all its slots
/// to give.
template <class Make>
void each_fails_at_a_new_page(size_t slot_size, const Make& make) {
  const size_t slots = size_t(sysconf(_SC_PAGESIZE)) / slot_size;
  std::vector<decltype(make())> held;
  held.reserve(20 * slots);
  const auto hold = [&](size_t num) {
    for (size_t i = 0; i < num; i++) ASSERT_TRUE(held.emplace_back(make()));
  };
  size_t requests = 1;
  for (size_t i = 0; requests == 1; i++) {
    ASSERT_LT(i, slots + 1) << "no page was asked for";
    own_malloc::count();
    hold(1);
    requests = own_malloc::counted();
  }
  hold(slots - 1);
  size_t n = 1;
  for (bool failed = true; failed; n++) {
    ASSERT_LT(n, 10u);
    const long before = own_malloc::live();
    own_malloc::fail(n);
    auto made = make();
    failed = own_malloc::failed();
    EXPECT_EQ(made == nullptr, failed) << "request " << n;
    made.reset();
    hold(slots);
    EXPECT_EQ(own_malloc::live() - before, long(slots + 1)) << "a page was lost to request " << n;
  }
  EXPECT_GE(n, 4u) << "fewer requests than for a secret, a page and its slots";
}

TEST_F(FailingAllocation, PagesOfSecrets) {
  const Bytes secret = Random().bytes(32);
  each_fails_at_a_new_page(32 + 8, [&] {
    megaseal_secret_key* key = nullptr;
    (void)!megaseal_secret_key_create(&key, secret.data());
    return SecretKey(key);
  });
  each_fails_at_a_new_page(32 + 8, [&] {
    megaseal_secret_key* key = nullptr;
    (void)!megaseal_secret_key_create_inheritable(&key, key_.get());
    return SecretKey(key);
  });
  const Engine engine = make_engine("", 1);
  each_fails_at_a_new_page(96 + 8, [&] {
    megaseal_hpke_context* context = nullptr;
    uint8_t enc[32];
    (void)!megaseal_hpke_sender_create(&context, enc, engine.get(), nullptr, recipient_.get());
    return Context(context);
  });
}

/// One batch, laid out before any request fails.
struct Laid {
  explicit Laid(const Messages& messages, uint64_t overhead, bool opens)
      : in(messages.in), aad(messages.aad), offsets(messages.in.size() + 1), statuses(messages.in.size()) {
    const uint64_t change = overhead * messages.in.size();
    out.resize(opens ? in.base.size() - change : in.base.size() + change);
    batch.struct_size = sizeof batch;
    batch.num_items = messages.in.size();
    batch.in = in.inputs();
    if (!messages.aad.empty()) batch.aad = aad.inputs();
    batch.out.base = out.data(), batch.out.capacity = out.size(), batch.out.offsets = offsets.data();
    batch.out_statuses = statuses.data();
  }
  Packed in, aad;
  Bytes out;
  std::vector<uint64_t> offsets;
  Bytes statuses;
  megaseal_batch batch = {};
};

/// A fresh engine each time, whose first batches have everything still to allocate.
template <class Call>
void each_batch_fails(const char* name, const Call& call) {
  SCOPED_TRACE(name);
  ASSERT_EQ(call(make_engine("", 3).get()), MEGASEAL_ERROR_NONE);  // what is allocated once and for all
  size_t n = 1;
  bool any = false;
  for (bool failed = true; failed && n < most_requests; n++) {
    const long before = own_malloc::live();
    {
      const Engine engine = make_engine("", 3);
      own_malloc::fail(n);
      const megaseal_error error = call(engine.get());
      failed = own_malloc::failed();
      // Memory that would only have made it faster may be missing.
      EXPECT_TRUE(error == MEGASEAL_ERROR_NONE || (failed && error == MEGASEAL_ERROR_MEMORY))
          << "request " << n << ": " << error;
      any = any || error == MEGASEAL_ERROR_MEMORY;
      EXPECT_EQ(call(engine.get()), MEGASEAL_ERROR_NONE) << "after request " << n;
    }
    EXPECT_EQ(own_malloc::live(), before) << "request " << n;
  }
  EXPECT_TRUE(any) << "no request of " << n << " was needed";
}

/// Sealing and opening `num` items: what was opened, after all the failures, is what was sealed.
template <class Seal, class Open>
void each_fails_both_ways(const char* name, size_t num, uint64_t overhead, bool has_aad, const Seal& seal,
                          const Open& open) {
  Random random;
  Messages messages;
  for (size_t i = 0; i < num; i++) {
    messages.in.push_back(random.bytes(i % 300));
    if (has_aad) messages.aad.push_back(random.bytes(i % 20));
  }
  Laid sealing(messages, overhead, false);
  each_batch_fails(name, [&](megaseal_engine* engine) { return seal(engine, &sealing.batch); });
  Messages sealed;
  sealed.aad = messages.aad;
  for (size_t i = 0; i < num; i++)
    sealed.in.emplace_back(sealing.out.begin() + ptrdiff_t(sealing.offsets[i]),
                           sealing.out.begin() + ptrdiff_t(sealing.offsets[i + 1]));
  Laid opening(sealed, overhead, true);
  each_batch_fails(name, [&](megaseal_engine* engine) { return open(engine, &opening.batch); });
  EXPECT_EQ(opening.out, sealing.in.base) << name;
}

TEST_F(FailingAllocation, Batches) {
  const megaseal_secret_key* const key = key_.get();
  const megaseal_recipient* const recipient = recipient_.get();
  const megaseal_recipients to = to_one(&recipient);
  for (const size_t num : {size_t(1), size_t(300)}) {
    const Bytes keys = Random().bytes(32), nonces = Random().bytes(24 * num);
    for (const auto format : {MEGASEAL_FORMAT_CHACHA20POLY1305, MEGASEAL_FORMAT_XCHACHA20POLY1305}) {
      const megaseal_aead_keys aead = {keys.data(), 0, nonces.data(), 24};
      each_fails_both_ways(
          "aead", num, 16, true,
          [&](auto* engine, auto* batch) {
            return megaseal_aead_seal_batch(engine, nullptr, batch, format, &aead);
          },
          [&](auto* engine, auto* batch) {
            return megaseal_aead_open_batch(engine, nullptr, batch, format, &aead);
          });
    }
    for (const auto format : {MEGASEAL_FORMAT_SEALEDBOX, MEGASEAL_FORMAT_SEALEDBOX_SALSA}) {
      each_fails_both_ways(
          "sealed box", num, 48, false,
          [&](auto* engine, auto* batch) {
            return megaseal_sealedbox_seal_batch(engine, nullptr, batch, format, &to);
          },
          [&](auto* engine, auto* batch) {
            return megaseal_sealedbox_open_batch(engine, nullptr, batch, format, &key, 0);
          });
    }
    const Bytes info = bytes_of("info");
    megaseal_hpke_params params = hpke_params(info);
    params.export_len = 40;
    Bytes exports(40 * num);
    each_fails_both_ways(
        "hpke", num, 48, true,
        [&](auto* engine, auto* batch) {
          return megaseal_hpke_seal_batch(engine, nullptr, exports.data(), batch, &params, &to);
        },
        [&](auto* engine, auto* batch) {
          return megaseal_hpke_open_batch(engine, nullptr, exports.data(), batch, &params, &key, 0);
        });
    const Bytes secrets = Random().bytes(32 * num), points = Random().bytes(32 * num);
    Bytes out(32 * num), more(32 * num);
    each_batch_fails("keys", [&](megaseal_engine* engine) {
      for (const megaseal_error error :
           {megaseal_x25519_batch(engine, out.data(), nullptr, nullptr, num, secrets.data(), 32,
                                  points.data(), 32),
            megaseal_x25519_public_batch(engine, out.data(), num, secrets.data(), 32),
            megaseal_keygen_batch(engine, out.data(), more.data(), num)})
        if (error != MEGASEAL_ERROR_NONE) return error;
      return MEGASEAL_ERROR_NONE;
    });
  }
}

TEST_F(FailingAllocation, Contexts) {
  const Bytes info = Random().bytes(100);
  const megaseal_hpke_params params = hpke_params(info);
  uint8_t enc[32];
  each_batch_fails("sender", [&](megaseal_engine* engine) {
    megaseal_hpke_context* context = nullptr;
    const megaseal_error error =
        megaseal_hpke_sender_create(&context, enc, engine, &params, recipient_.get());
    EXPECT_EQ(context == nullptr, error != MEGASEAL_ERROR_NONE);
    megaseal_hpke_context_destroy(context);
    return error;
  });
  each_batch_fails("receiver", [&](megaseal_engine* engine) {
    megaseal_hpke_context* context = nullptr;
    const megaseal_error error = megaseal_hpke_receiver_create(&context, engine, &params, key_.get(), enc);
    EXPECT_EQ(context == nullptr, error != MEGASEAL_ERROR_NONE);
    megaseal_hpke_context_destroy(context);
    return error;
  });
}

TEST_F(FailingAllocation, ContextBatches) {
  const Engine maker = make_engine("", 1);
  uint8_t enc[32];
  megaseal_hpke_context* made = nullptr;
  ASSERT_EQ(megaseal_hpke_sender_create(&made, enc, maker.get(), nullptr, recipient_.get()),
            MEGASEAL_ERROR_NONE);
  const Context sender(made);
  ASSERT_EQ(megaseal_hpke_receiver_create(&made, maker.get(), nullptr, key_.get(), enc), MEGASEAL_ERROR_NONE);
  const Context receiver(made);
  constexpr size_t num = 300;
  uint64_t first = 0;
  std::vector<uint64_t> sequences(num);
  each_fails_both_ways(
      "context", num, 16, true,
      [&](auto* engine, auto* batch) {
        return megaseal_hpke_context_seal_batch(sender.get(), &first, nullptr, engine, batch);
      },
      [&](auto* engine, auto* batch) {
        for (size_t i = 0; i < num; i++) sequences[i] = first + i;
        return megaseal_hpke_context_open_batch(receiver.get(), nullptr, engine, batch, sequences.data());
      });
  // Longer than what a new engine has room for.
  const Bytes one = Random().bytes(5000);
  const std::vector<const void*> contexts(num, one.data());
  const std::vector<uint64_t> lens(num, one.size());
  megaseal_inputs inputs = {};
  inputs.ptrs = contexts.data(), inputs.lens = lens.data();
  Bytes out(40 * num), expected(40 * num);
  ASSERT_EQ(
      megaseal_hpke_context_export_batch(receiver.get(), expected.data(), maker.get(), num, &inputs, 40),
      MEGASEAL_ERROR_NONE);
  each_batch_fails("exports", [&](megaseal_engine* engine) {
    std::fill(out.begin(), out.end(), uint8_t(0));
    const megaseal_error error =
        megaseal_hpke_context_export_batch(sender.get(), out.data(), engine, num, &inputs, 40);
    if (error == MEGASEAL_ERROR_NONE) {
      EXPECT_EQ(out, expected);
    }
    return error;
  });
}

// It has no error for want of memory: an engine's tables have their place before the first is made.
TEST_F(FailingAllocation, PreparedRecipientsRequestNothing) {
  const Engine maker = make_engine("", 1), engine = make_engine("", 3);
  if (backend_name(engine.get(), MEGASEAL_OP_X25519_PREPARED).empty())
    GTEST_SKIP() << "no backend has tables";
  const size_t num = 300;
  Bytes publics(32 * num), secrets(32 * num);
  ASSERT_EQ(megaseal_keygen_batch(maker.get(), publics.data(), secrets.data(), num), MEGASEAL_ERROR_NONE);
  size_t num_prepared = 0;
  own_malloc::fail(1);
  const megaseal_error error = megaseal_prepare_recipients(engine.get(), &num_prepared, num, publics.data(),
                                                           32, MEGASEAL_PREPARED_AUTO);
  EXPECT_FALSE(own_malloc::failed());
  EXPECT_EQ(error, MEGASEAL_ERROR_NONE);
  EXPECT_EQ(num_prepared, num);
}

}  // namespace
}  // namespace megaseal::test
