// After the first batches of a size, batch calls allocate nothing: on no thread, by no road (malloc and its kin,
// and operator new, which comes down to them here).
#include <cstdlib>

#include "tests/allocation/own_malloc.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

/// A batch laid out once, so that calling with it again allocates nothing of the test's own.
class Prepared {
 public:
  Prepared(const Messages& messages, uint64_t out_len_change) : in_(messages.in), aad_(messages.aad) {
    offsets_.resize(messages.in.size() + 1);
    out_.resize(in_.base.size() + size_t(out_len_change) * messages.in.size());
    statuses_.resize(messages.in.size());
    batch.struct_size = sizeof batch;
    batch.num_items = messages.in.size();
    batch.in = in_.inputs();
    if (!messages.aad.empty()) batch.aad = aad_.inputs();
    batch.out.base = out_.data();
    batch.out.capacity = out_.size();
    batch.out.offsets = offsets_.data();
    batch.out_statuses = statuses_.data();
  }
  megaseal_batch batch = {};

 private:
  Packed in_, aad_;
  Bytes out_, statuses_;
  std::vector<uint64_t> offsets_;
};

/// How many allocations `measured` calls make once they are warm.
constexpr size_t warm_up = 20, measured = 10;
template <class Call>
size_t allocations_of(const Call& call) {
  for (size_t i = 0; i < warm_up; ++i) call();
  own_malloc::count();
  for (size_t i = 0; i < measured; ++i) call();
  return own_malloc::counted();
}

class Allocation : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!own_malloc::is_here)
      GTEST_SKIP() << "malloc cannot be replaced in this build (sanitizers, other C libraries)";
  }
  Messages messages(size_t n, bool aad) {
    Messages out;
    for (size_t i = 0; i < n; ++i) {
      out.in.push_back(random_.bytes(i % 300));
      if (aad) out.aad.push_back(random_.bytes(i % 20));
    }
    return out;
  }
  Random random_;
  Engine engine_ = make_engine("", 3);
  SecretKey key_ = make_secret_key(Random().bytes(32));
  Recipient recipient_ = make_recipient(public_key_of(key_.get()));
  const megaseal_secret_key* key_handle_ = key_.get();
  const megaseal_recipient* recipient_handle_ = recipient_.get();
  megaseal_recipients to_ = to_one(&recipient_handle_);
};

TEST_F(Allocation, TheCounterCounts) {
  void* volatile p;  // a compiler may leave out what nobody looks at
  EXPECT_EQ(allocations_of([&] {
              p = std::malloc(10);
              std::free(p);
            }),
            measured);
  EXPECT_EQ(allocations_of([&] {
              p = ::operator new(10);
              ::operator delete(p);
            }),
            measured);
}

TEST_F(Allocation, AeadBatches) {
  for (const size_t n : {size_t(1), size_t(5), size_t(2000)}) {
    const Bytes keys = random_.bytes(32), nonces = random_.bytes(24 * n);
    for (const megaseal_format format :
         {MEGASEAL_FORMAT_CHACHA20POLY1305, MEGASEAL_FORMAT_XCHACHA20POLY1305}) {
      const megaseal_aead_keys aead = {keys.data(), 0, nonces.data(),
                                       format == MEGASEAL_FORMAT_XCHACHA20POLY1305 ? size_t(24) : size_t(12)};
      Prepared prepared(messages(n, true), 16);
      EXPECT_EQ(allocations_of([&] {
                  EXPECT_EQ(megaseal_aead_seal_batch(engine_.get(), nullptr, &prepared.batch, format, &aead),
                            MEGASEAL_ERROR_NONE);
                }),
                0u)
          << n << " items sealed";
      EXPECT_EQ(allocations_of([&] {
                  EXPECT_EQ(megaseal_aead_open_batch(engine_.get(), nullptr, &prepared.batch, format, &aead),
                            MEGASEAL_ERROR_NONE);
                }),
                0u)
          << n << " items opened";
    }
  }
}

TEST_F(Allocation, HpkeBatches) {
  const Bytes info = bytes_of("info"), context = bytes_of("context");
  for (const size_t n : {size_t(1), size_t(5), size_t(300)}) {
    megaseal_hpke_params params = hpke_params(info);
    Bytes exports(64 * n);
    for (const bool exporting : {false, true}) {
      params.exporter_context = context.data();
      params.exporter_context_len = exporting ? context.size() : 0;
      params.export_len = exporting ? 64 : 0;
      uint8_t* out = exporting ? exports.data() : nullptr;
      Prepared prepared(messages(n, true), 48);
      EXPECT_EQ(allocations_of([&] {
                  EXPECT_EQ(
                      megaseal_hpke_seal_batch(engine_.get(), nullptr, out, &prepared.batch, &params, &to_),
                      MEGASEAL_ERROR_NONE);
                }),
                0u)
          << n << " items sealed, exporting " << exporting;
      EXPECT_EQ(allocations_of([&] {
                  EXPECT_EQ(megaseal_hpke_open_batch(engine_.get(), nullptr, out, &prepared.batch, &params,
                                                     &key_handle_, 0),
                            MEGASEAL_ERROR_NONE);
                }),
                0u)
          << n << " items opened, exporting " << exporting;
    }
  }
}

TEST_F(Allocation, ContextBatches) {
  Bytes enc(32);
  megaseal_hpke_context* made = nullptr;
  ASSERT_EQ(megaseal_hpke_sender_create(&made, enc.data(), engine_.get(), nullptr, recipient_.get()),
            MEGASEAL_ERROR_NONE);
  const Context sender(made);
  ASSERT_EQ(megaseal_hpke_receiver_create(&made, engine_.get(), nullptr, key_.get(), enc.data()),
            MEGASEAL_ERROR_NONE);
  const Context receiver(made);
  for (const size_t n : {size_t(1), size_t(300)}) {
    Prepared prepared(messages(n, true), 16);
    const std::vector<uint64_t> sequences(n, 7);
    EXPECT_EQ(allocations_of([&] {
                EXPECT_EQ(megaseal_hpke_context_seal_batch(sender.get(), nullptr, nullptr, engine_.get(),
                                                           &prepared.batch),
                          MEGASEAL_ERROR_NONE);
              }),
              0u)
        << n << " items sealed";
    EXPECT_EQ(allocations_of([&] {
                EXPECT_EQ(megaseal_hpke_context_open_batch(receiver.get(), nullptr, engine_.get(),
                                                           &prepared.batch, sequences.data()),
                          MEGASEAL_ERROR_NONE);
              }),
              0u)
        << n << " items opened";
  }
}

TEST_F(Allocation, SealedBoxBatches) {
  for (const megaseal_format format : {MEGASEAL_FORMAT_SEALEDBOX, MEGASEAL_FORMAT_SEALEDBOX_SALSA}) {
    for (const size_t n : {size_t(1), size_t(300)}) {
      Prepared prepared(messages(n, false), 48);
      EXPECT_EQ(allocations_of([&] {
                  EXPECT_EQ(
                      megaseal_sealedbox_seal_batch(engine_.get(), nullptr, &prepared.batch, format, &to_),
                      MEGASEAL_ERROR_NONE);
                }),
                0u)
          << n << " items sealed";
      EXPECT_EQ(allocations_of([&] {
                  EXPECT_EQ(megaseal_sealedbox_open_batch(engine_.get(), nullptr, &prepared.batch, format,
                                                          &key_handle_, 0),
                            MEGASEAL_ERROR_NONE);
                }),
                0u)
          << n << " items opened";
    }
  }
}

// Recipients of all kinds: with tables, too rare for one, and more than the cache holds, so that tables come and go.
TEST_F(Allocation, PreparedRecipients) {
  const size_t n = 2000;
  Bytes secrets(32 * n), publics(32 * n);
  ASSERT_EQ(megaseal_keygen_batch(engine_.get(), publics.data(), secrets.data(), n), MEGASEAL_ERROR_NONE);
  for (const size_t cache_bytes : {size_t(0), size_t(1) << 20}) {
    megaseal_engine_options options = {};
    options.struct_size = sizeof options;
    options.num_threads = 3;
    options.prepared_cache_bytes = cache_bytes;
    megaseal_engine* made = nullptr;
    ASSERT_EQ(megaseal_engine_create(&made, &options), MEGASEAL_ERROR_NONE);
    const Engine engine(made);
    if (backend_name(engine.get(), MEGASEAL_OP_X25519_PREPARED).empty()) GTEST_SKIP() << "no backend has tables";
    Bytes keys(32 * n);
    Prepared prepared(messages(n, true), 48);
    const megaseal_recipients to = {nullptr, 0, keys.data(), 32};
    EXPECT_EQ(allocations_of([&] {
                for (size_t i = 0; i < n; ++i) {
                  const uint64_t bound = uint64_t(1) << (2 + random_.below(9));
                  std::copy_n(&publics[32 * random_.below(bound)], 32, &keys[32 * i]);
                }
                EXPECT_EQ(megaseal_hpke_seal_batch(engine.get(), nullptr, nullptr, &prepared.batch, nullptr, &to),
                          MEGASEAL_ERROR_NONE);
                size_t have = 0;
                EXPECT_EQ(megaseal_prepare_recipients(engine.get(), &have, 100, publics.data(), 32,
                                                      MEGASEAL_PREPARED_AUTO),
                          MEGASEAL_ERROR_NONE);
              }),
              0u);
    EXPECT_GT(prepared_info(engine.get()).num_hits, 0u);
    if (cache_bytes) {
      EXPECT_GT(prepared_info(engine.get()).num_evictions, 0u);
    }
  }
}

TEST_F(Allocation, X25519Batches) {
  for (const size_t n : {size_t(1), size_t(300)}) {
    const Bytes secrets = random_.bytes(32 * n), points = random_.bytes(32 * n);
    Bytes out(32 * n), more(32 * n), statuses(n);
    EXPECT_EQ(allocations_of([&] {
                EXPECT_EQ(megaseal_x25519_batch(engine_.get(), out.data(), statuses.data(), nullptr, n,
                                                secrets.data(), 32, points.data(), 32),
                          MEGASEAL_ERROR_NONE);
                EXPECT_EQ(megaseal_x25519_public_batch(engine_.get(), out.data(), n, secrets.data(), 32),
                          MEGASEAL_ERROR_NONE);
                EXPECT_EQ(megaseal_keygen_batch(engine_.get(), out.data(), more.data(), n),
                          MEGASEAL_ERROR_NONE);
              }),
              0u)
        << n << " items";
  }
}

}  // namespace
}  // namespace megaseal::test
